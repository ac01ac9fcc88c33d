"""Estimate: what a test like this one should give, once the vote is held."""

import logging
from typing import TYPE_CHECKING

from jobs.ownership import owning
from jobs.vote.estimate.artefact import Estimate
from jobs.vote.vote import Vote
from pipeline.planning.resources import Resources
from pipeline.stages.stage import Stage, Wait
from pipeline.stages.vote import VOTE, entries

if TYPE_CHECKING:
    from pipeline.planning.plan import OpenedPlan

log = logging.getLogger(__name__)


class EstimateStage(Stage):
    """One item. Without any candidate there is nothing to estimate, and the vote has said so."""

    name = "estimate"
    does = "what a test like this one should give"
    script = "vote"
    waits_for = Wait(VOTE, "success")
    default = Resources(cpus=2, mem_gb=8, timeout_min=60)
    repeats = True

    def missing(self, opened: "OpenedPlan") -> list[int]:
        from jobs.vote.estimate.making import inputs_of

        vote = vote_of(opened)
        found = Estimate.load(opened.workspace.estimate)
        is_current = found is not None and found.inputs == inputs_of(vote, also_voted(opened))
        return [] if is_current else [0]

    def do(self, opened: "OpenedPlan", item: int, cpus: int) -> None:
        from jobs.vote.estimate.labels import save_labels_to_check
        from jobs.vote.estimate.making import make_estimate

        with owning(opened.workspace.lock(self.name)):
            estimate, suspects = make_estimate(vote_of(opened), also_voted(opened))
            save_labels_to_check(opened.workspace.labels_to_check, opened.dataset, suspects)
            estimate.save(opened.workspace.estimate)  # last: it says that both are there
        log.info("%s", estimate.sentence)


def vote_of(opened: "OpenedPlan") -> Vote:
    """Return the vote by the grid's rule."""
    return Vote.among(opened.dataset, entries(opened), opened.plan.vote)


def also_voted(opened: "OpenedPlan") -> list[str]:
    """Return the other rules by which this output was voted: whoever did has seen the results."""
    folder = opened.workspace.other_votes
    found = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    return [name for name in found if name != opened.plan.vote.name and "-of-" not in name]


ESTIMATE = EstimateStage()
