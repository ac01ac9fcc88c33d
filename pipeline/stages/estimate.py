"""Estimate: what a test like this one should give, once the vote is held."""

import logging
from typing import TYPE_CHECKING

from jobs.audit.recordings import load_recordings
from jobs.data.dataset import LABELLED, TEST
from jobs.data.split import HOLDOUT
from jobs.errors import DamagedFileError, NotReadyError
from jobs.ownership import owning
from jobs.schema import fingerprint
from jobs.vote.ensemble import Ensemble
from jobs.vote.estimate.artefact import Estimate
from jobs.vote.rules import VoteRules
from jobs.vote.vote import Vote
from pipeline.planning.resources import Resources
from pipeline.stages.audit import AUDIT, audited_features, current_audit
from pipeline.stages.stage import Stage, Wait
from pipeline.stages.vote import VOTE, entries

if TYPE_CHECKING:
    from jobs.vote.estimate.artefact import EstimateInputs
    from jobs.vote.estimate.making import LookedAt
    from pipeline.planning.plan import OpenedPlan

log = logging.getLogger(__name__)


class EstimateStage(Stage):
    """One item. Without any candidate there is nothing to estimate, and the vote has said so."""

    name = "estimate"
    does = "what a test like this one should give"
    script = "vote"
    waits_for = Wait(VOTE, "success")
    also_after = (AUDIT,)
    default = Resources(cpus=2, mem_gb=8, timeout_min=60)
    repeats = True

    def missing(self, opened: "OpenedPlan") -> list[int]:
        found = Estimate.load(opened.workspace.estimate)
        is_current = found is not None and found.inputs == _inputs(opened, vote_of(opened))
        return [] if is_current else [0]

    def do(self, opened: "OpenedPlan", item: int, cpus: int) -> None:
        from threadpoolctl import threadpool_limits

        from jobs.vote.estimate.labels import save_labels_to_check
        from jobs.vote.estimate.making import make_estimate

        # With several threads BLAS takes ten times as long for small matrices, and its sums depend
        # on how many there are.
        with owning(opened.workspace.lock(self.name)), threadpool_limits(1):
            vote = vote_of(opened)
            inputs, beside = _inputs(opened, vote), _looked_at(opened)
            estimate, suspects = make_estimate(vote, inputs, also_voted(opened), beside)
            save_labels_to_check(opened.workspace.labels_to_check, opened.dataset, suspects)
            estimate.save(opened.workspace.estimate)  # last: it says that both are there
        log.info("%s", estimate.sentence)


def _inputs(opened: "OpenedPlan", vote: Vote) -> "EstimateInputs":
    from jobs.vote.estimate.making import inputs_of

    audit = current_audit(opened)
    holdout = [target.clips.fingerprint for target in opened.targets if target.name == HOLDOUT]
    seen = fingerprint(audit.inputs.model_dump()) if audit else ""
    return inputs_of(vote, list(also_voted(opened)), seen, "".join(holdout))


def _looked_at(opened: "OpenedPlan") -> "LookedAt":
    """Return what there is to look at beside the vote: what is not there is left out."""
    from jobs.vote.estimate.holdout import Holdout
    from jobs.vote.estimate.making import LookedAt
    from jobs.vote.estimate.pooled_clips import pooled_clips

    config, sides, workspace = audited_features(opened.plan), opened.dataset.sides, opened.workspace
    labelled = test = recordings = None
    audit = current_audit(opened)
    try:
        sets = {side: opened.store.open(clips, config) for side, clips in sides.items()}
        labelled, test = pooled_clips(opened.dataset, sets[LABELLED], sets.get(TEST))
    except (NotReadyError, DamagedFileError) as error:
        log.warning("the clips themselves are not compared: %s", error)
    try:
        if audit:
            recordings = [each.paths for each in load_recordings(workspace.audit)]
    except (FileNotFoundError, DamagedFileError) as error:
        log.warning("recordings on both sides are not looked for: %s", error)
    held_out = [target for target in opened.targets if target.name == HOLDOUT]
    return LookedAt(
        split=opened.split,
        labelled=labelled,
        test=test,
        hears_loudness=any(each.kind.hears_loudness for each in opened.plan.features),
        recordings=recordings,
        copies_compared=audit is None or audit.near_duplicates_compared_by is not None,
        holdout=Holdout(held_out[0], workspace.holdout_scored) if held_out else None,
    )


def vote_of(opened: "OpenedPlan") -> Vote:
    """Return the vote by the grid's rule."""
    return Vote.among(opened.dataset, entries(opened), opened.plan.vote)


def also_voted(opened: "OpenedPlan") -> dict[str, VoteRules]:
    """Return the other rules by which all runs were voted on: whoever did has seen the results."""
    folder = opened.workspace.other_votes
    ensembles = [Ensemble.load(path) for path in sorted(folder.glob("*/ensemble.json"))]
    rules = [each.inputs.rules for each in ensembles if each and not each.inputs.run]
    return {rule.name: rule for rule in rules if rule.name != opened.plan.vote.name}


ESTIMATE = EstimateStage()
