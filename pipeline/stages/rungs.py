"""Successive halving: after each rung a task for every run that continues, whichever that is.

All jobs are submitted at once and no launcher stays alive: how many runs continue is known from the
start, and a task looks up which one is its own when it begins.
"""

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from jobs.errors import DamagedFileError, NotReadyError
from jobs.ownership import is_owned, owning
from jobs.train.halving import MOST_RUNGS, Rung, Standing, rank
from jobs.train.history import History
from jobs.words import count
from pipeline.planning.out_of_memory import HOPELESS, OutOfMemory
from pipeline.planning.resources import Resources, cpus_available
from pipeline.stages.stage import Request, Space, Stage, Wait
from pipeline.stages.train import TRAIN, Train, is_far_enough, progress_of, title_of, train

if TYPE_CHECKING:
    from pipeline.planning.plan import OpenedPlan, PlannedRun

log = logging.getLogger(__name__)

ORDINALS = {1: "1st", 2: "2nd", 3: "3rd"}


class Rank(Stage):
    """One item: the runs are ranked once all of them are there, and the rung is never changed."""

    does = "which runs continue"
    script = "train"
    default = Resources(cpus=1, mem_gb=4, timeout_min=30)
    in_site = "rung"
    follows = True
    asks_how_others_ended = True

    def __init__(self, rung: int, after: Train) -> None:
        self.rung = rung
        self.name = f"rung-{rung}"
        self.waits_for = Wait(after, "end")

    def is_part_of(self, opened: "OpenedPlan") -> bool:
        return self.rung <= opened.ladder.rungs

    def missing(self, opened: "OpenedPlan") -> list[int]:
        return [] if opened.ladder.decided(self.rung) else [0]

    def do(self, opened: "OpenedPlan", item: int, cpus: int) -> None:
        ladder = opened.ladder
        with owning(opened.workspace.lock(self.name)):
            if ladder.decided(self.rung) is not None:
                return
            out = OutOfMemory.load(opened.workspace)
            tiers = {
                tier: rank(
                    [self._standing(opened, e, out) for e in ladder.entries_at(self.rung, tier)],
                    ladder.settings.halving_by,
                    ladder.settings.left(len(ladder.tiers[tier]), self.rung),
                )
                for tier in ladder.tiers
            }
            decided = Rung(
                made_from=ladder.made_from(self.rung),
                number=self.rung,
                by=ladder.settings.halving_by,
                tiers=tiers,
            )
            decided.save(opened.workspace.rung(self.rung))
        going_on = sum(line.goes_on for line in decided.lines)
        stopped = len(decided.lines) - going_on
        log.info("to continue: %s; stopped here: %d", count(going_on, "run"), stopped)

    def _standing(self, opened: "OpenedPlan", entry: int, out: OutOfMemory) -> Standing:
        """Return what an entry is ranked on.

        Raises:
            NotReadyError: a run of it is not there, and nothing says that it never will be.
        """
        ladder = opened.ladder
        name = opened.plan.runs[ladder.runs_of(entry)[0]].of
        scores = []
        for number in ladder.runs_of(entry):
            run, planned = opened.run(number), opened.plan.runs[number]
            epoch = ladder.epoch(self.rung, number)
            if out.is_hopeless(opened, number):
                return Standing(entry, name, None, HOPELESS)
            if not run.is_trained_to(epoch):
                how = "launch again"
                if planned.signature in out.runs:
                    how = "it ran out of memory: launch again with --retry-oom"
                raise NotReadyError(
                    f"rung {self.rung} is undecided, because run '{planned.name}' is not trained "
                    f"to epoch {epoch}; {how}"
                )
            outcome = run.outcome()
            # What became of it later is no business of this rung, if it is decided anew.
            if outcome is not None and outcome.end == "diverged" and outcome.epochs < epoch:
                return Standing(entry, name, None, outcome.reason)
            scores.append(_score(opened, number, self.rung))
        return Standing(entry, name, sum(scores) / len(scores))


def _score(opened: "OpenedPlan", number: int, rung: int) -> float:
    """Return a run's validation accuracy or loss at a rung, or at its end if that came before.

    Raises:
        DamagedFileError: its history cannot be read, or lacks the epoch.
    """
    run, epoch = opened.run(number), opened.ladder.epoch(rung, number)
    outcome = run.outcome()
    last = min(epoch, outcome.epochs) if outcome else epoch
    row = next((row for row in History.load(run.history).rows if row.epoch == last), None)
    if row is None:
        raise DamagedFileError(f"{run.history} lacks epoch {last}; launch again, or look at it")
    by_accuracy = opened.ladder.settings.halving_by == "accuracy"
    return row.val_accuracy if by_accuracy else row.val_loss


class TrainOn(Train):
    """Items are the places after a rung: the i-th ranked run of each tier, all its folds."""

    in_site = TRAIN.name
    follows = True

    def __init__(self, rung: int, after: Rank) -> None:
        self.rung = rung
        self.name = f"{TRAIN.name}-{rung + 1}"
        self.does = f"what is left after rung {rung}"
        self.waits_for = Wait(after, "success")

    def is_part_of(self, opened: "OpenedPlan") -> bool:
        return self.rung <= opened.ladder.rungs

    def total(self, opened: "OpenedPlan") -> int:
        return len(opened.ladder.slots(self.rung))

    def missing(self, opened: "OpenedPlan") -> list[int]:
        out = OutOfMemory.load(opened.workspace)
        missing = []
        for item in range(self.total(opened)):
            if opened.ladder.decided(self.rung) is None:
                missing.append(item)
            elif (number := opened.ladder.run_at(self.rung, item)) is not None:
                hopeless = out.is_hopeless(opened, number)
                if not hopeless and not is_far_enough(opened, number, self.rung + 1):
                    missing.append(item)
        return missing

    def title(self, opened: "OpenedPlan", item: int) -> str:
        if planned := self.run_of(opened, item):
            return title_of(planned)
        slot = opened.ladder.slots(self.rung)[item]
        nth = ORDINALS.get(slot.rank + 1, f"{slot.rank + 1}th")
        fold = f", fold {slot.fold + 1}" if opened.ladder.folds > 1 else ""
        return f"the {nth} run of tier {slot.tier} after rung {self.rung}{fold}"

    def do(self, opened: "OpenedPlan", item: int, cpus: int) -> None:
        number = opened.ladder.run_at(self.rung, item)
        if opened.ladder.decided(self.rung) is None:
            raise NotReadyError(f"rung {self.rung} is undecided; launch again")
        if number is not None:  # else all others of the tier have failed
            train(opened, number, self.rung + 1)

    def request(
        self, opened: "OpenedPlan", item: int, tier_before: str | None, after_oom: bool
    ) -> Request:
        return self.request_of(opened, self._like(opened, item), tier_before, after_oom)

    def _like(self, opened: "OpenedPlan", item: int) -> "PlannedRun":
        """Return the run of a slot, or while that is open one that asks for as much as any."""
        if planned := self.run_of(opened, item):
            return planned
        return opened.ladder.largest[opened.ladder.slots(self.rung)[item].tier]

    def earlier(self, opened: "OpenedPlan", item: int) -> list[tuple[str, int]]:
        number = opened.ladder.run_at(self.rung, item)
        if number is None:
            return []
        before = [
            (stage.name, slot)
            for stage in self.before()
            if isinstance(stage, TrainOn)
            for slot in opened.ladder.slots_of(stage.rung, number)
        ]
        return [*before, (TRAIN.name, number)]

    def space(self, opened: "OpenedPlan", items: Sequence[int]) -> Space:
        return Space()  # the folders of runs that the first stage has planned for

    def cpus(self, opened: "OpenedPlan", items: Sequence[int]) -> int:
        return sum(self._like(opened, item).config.threads for item in items)

    def cpus_here(self, opened: "OpenedPlan", items: Sequence[int]) -> int:
        return min(self.cpus(opened, items), cpus_available())

    def run_of(self, opened: "OpenedPlan", item: int) -> "PlannedRun | None":
        number = opened.ladder.run_at(self.rung, item)
        return None if number is None else opened.plan.runs[number]

    def progress(self, opened: "OpenedPlan", item: int, running: bool) -> str:
        number = opened.ladder.run_at(self.rung, item)
        return "" if number is None else progress_of(opened, number, self.rung + 1, running)

    def is_working_here(self, opened: "OpenedPlan", item: int) -> bool:
        number = opened.ladder.run_at(self.rung, item)
        return number is not None and is_owned(opened.run(number).lock)


def _rungs() -> tuple[Stage, ...]:
    stages: list[Stage] = []
    after: Train = TRAIN
    for rung in range(1, MOST_RUNGS + 1):
        ranking = Rank(rung, after)
        after = TrainOn(rung, ranking)
        stages += [ranking, after]
    return tuple(stages)


RUNGS = _rungs()
LAST_TRAINING = RUNGS[-1]
