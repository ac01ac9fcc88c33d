"""Index: verify and join the shards, extracting again what is missing or damaged."""

import logging
from typing import TYPE_CHECKING

from jobs.errors import InputError
from jobs.extract.quarantine import Quarantine
from jobs.extract.store.feature_set import FeatureSet
from jobs.ownership import owning
from pipeline.planning.resources import Resources
from pipeline.stages.extract import EXTRACT
from pipeline.stages.stage import Stage, Wait

if TYPE_CHECKING:
    from pipeline.planning.plan import OpenedPlan

log = logging.getLogger(__name__)


class Index(Stage):
    """One item for all feature sets, so that quarantine.csv has one writer."""

    name = "index"
    does = "verify and join the shards"
    script = "train"
    # It heals what extraction left undone, so it follows any end of it.
    waits_for = Wait(EXTRACT, "end")
    default = Resources(cpus=4, mem_gb=8, timeout_min=60)

    def missing(self, opened: "OpenedPlan") -> list[int]:
        if not all(extraction.is_complete() for extraction in opened.extractions.values()):
            return [0]
        quarantine = _quarantine(opened)
        try:
            _require_usable(opened, quarantine)
        except InputError:
            return [0]  # the job says what is wrong
        return [] if quarantine.is_written(opened.workspace.quarantine) else [0]

    def do(self, opened: "OpenedPlan", item: int, cpus: int) -> None:
        with owning(opened.workspace.lock(self.name)):
            for side, extraction in opened.extractions.items():
                extraction.index(cpus)
                for config in opened.plan.features:
                    features = opened.store.open(extraction.manifest, config)
                    _log_counts(side, features)
            # Written before it is judged: the message of a refusal names this file.
            quarantine = _quarantine(opened)
            quarantine.save(opened.workspace.quarantine)
            _require_usable(opened, quarantine)


def feature_sets(opened: "OpenedPlan") -> list[tuple[str, FeatureSet]]:
    """Return every indexed FeatureSet of the plan with the side of the data that it covers."""
    return [
        (side, opened.store.open(manifest, config))
        for config in opened.plan.features
        for side, manifest in opened.dataset.sides.items()
    ]


def _quarantine(opened: "OpenedPlan") -> Quarantine:
    return Quarantine.of(opened.dataset, feature_sets(opened))


def _require_usable(opened: "OpenedPlan", quarantine: Quarantine) -> None:
    for fold in opened.split.folds:
        quarantine.require_usable(opened.dataset, fold.training, opened.plan.limits)


def _log_counts(side: str, features: FeatureSet) -> None:
    log.info(
        "%s of the %s clips: %d clips, %d partial, %d in quarantine",
        features.config.features, side, len(features), len(features.partial), len(features.reasons),
    )  # fmt: skip


INDEX = Index()
