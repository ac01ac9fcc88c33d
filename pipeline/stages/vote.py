"""Vote: the best checkpoints of all runs make one submission."""

from typing import TYPE_CHECKING

from jobs.ownership import owning
from jobs.vote.candidates import Entry
from jobs.vote.kept import keep_other_rule
from jobs.vote.vote import Vote, hold_vote
from pipeline.stages.predict import PREDICT
from pipeline.stages.stage import Stage, Wait

if TYPE_CHECKING:
    from pipeline.planning.plan import OpenedPlan


class VoteStage(Stage):
    """One item. A grid in which some runs failed still votes over the rest."""

    name = "vote"
    does = "the best checkpoints of all runs vote"
    script = "vote"
    waits_for = Wait(PREDICT, "end")
    repeats = True

    def missing(self, opened: "OpenedPlan") -> list[int]:
        vote = Vote.among(opened.dataset, entries(opened), opened.plan.vote)
        return [] if vote.is_held(opened.workspace.results) else [0]

    def do(self, opened: "OpenedPlan", item: int, cpus: int) -> None:
        workspace, voting, rules = opened.workspace, entries(opened), opened.plan.vote
        with owning(workspace.lock(self.name)):
            keep_other_rule(
                workspace.results, Vote.among(opened.dataset, voting, rules), workspace.other_votes
            )
            hold_vote(workspace.results, opened.dataset, voting, rules)


def entries(opened: "OpenedPlan") -> list[Entry]:
    """Return the hyper-parameter sets that may vote, in the order of the grid."""
    runs: dict[int, list[int]] = {}
    for number, planned in enumerate(opened.plan.runs):
        runs.setdefault(planned.entry, []).append(number)
    return [
        Entry(
            tuple(map(opened.run, numbers)),
            opened.plan.runs[numbers[0]].of,
            position,
            _why_stopped(opened, position),
        )
        for position, numbers in runs.items()
    ]


def _why_stopped(opened: "OpenedPlan", position: int) -> str | None:
    stopped = opened.ladder.stopped_at(position)
    return stopped.words if stopped else None


VOTE = VoteStage()
