"""Audit: duplicates, silence and other oddities. Nothing waits for it: it tells people."""

import logging
from typing import TYPE_CHECKING

from jobs.audit.summary import AuditSummary
from jobs.extract.config import FeatureConfig
from jobs.extract.features import FEATURE_SETS
from jobs.extract.store.feature_set import FeatureSet
from jobs.ownership import owning
from pipeline.planning.resources import Resources
from pipeline.stages.index import INDEX
from pipeline.stages.stage import Stage, Wait

if TYPE_CHECKING:
    from pipeline.planning.plan import OpenedPlan, Plan
    from pipeline.planning.site import Site

log = logging.getLogger(__name__)


class Audit(Stage):
    """One item: all clips, compared in the simplest feature set of the grid."""

    name = "audit"
    does = "duplicates, silence and other oddities"
    script = "vote"
    waits_for = Wait(INDEX, "success")

    def resources(self, site: "Site") -> Resources:
        # It reads what the index job reads.
        return site.stages.get(self.name) or INDEX.resources(site)

    def missing(self, opened: "OpenedPlan") -> list[int]:
        if not all(extraction.is_complete() for extraction in opened.extractions.values()):
            return [0]
        return [] if current_audit(opened) else [0]

    def do(self, opened: "OpenedPlan", item: int, cpus: int) -> None:
        from jobs.audit.files import audit

        with owning(opened.workspace.lock(self.name)):
            for sentence in audit(opened.workspace.audit, opened.dataset, _sets(opened)).warnings:
                log.warning("%s", sentence)


def current_audit(opened: "OpenedPlan") -> AuditSummary | None:
    """Return the audit of these clips and features, if there is one; features may be gone."""
    config = audited_features(opened.plan)
    sides = opened.dataset.sides
    features = {side: opened.store.folder(clips, config).name for side, clips in sides.items()}
    return AuditSummary.current(opened.workspace.audit, opened.dataset, features)


def audited_features(plan: "Plan") -> FeatureConfig:
    """Return the feature set in which clips are compared: the grid's first in the table's order."""
    order = list(FEATURE_SETS)
    return min(plan.features, key=lambda config: order.index(config.features))


def _sets(opened: "OpenedPlan") -> dict[str, FeatureSet]:
    config = audited_features(opened.plan)
    return {s: opened.store.open(manifest, config) for s, manifest in opened.dataset.sides.items()}


AUDIT = Audit()
