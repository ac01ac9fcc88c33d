"""Successive halving over a plan: which run each task of a rung trains, and how far.

How many tasks a rung has is known before anything is trained; which run a task trains, only once
the rung before it is decided.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from jobs.data.workspace import Workspace
from jobs.train.halving import Halving, Ranked, Rung, made_from
from jobs.train.recipe import Training
from jobs.train.schedule import SCHEDULES

if TYPE_CHECKING:
    from pipeline.planning.plan import Plan
    from pipeline.planning.planned_run import PlannedRun


# Below this rank correlation with the end, a rung is not far from drawing lots.
SAYS_LITTLE = 0.3


@dataclass(frozen=True)
class Slot:
    """What one task after a rung trains: a fold of the entry that came so far in its tier."""

    tier: str
    rank: int
    fold: int


@dataclass(frozen=True)
class Stopped:
    """Where an entry stopped; `failed` says why, if it was not for its score."""

    rung: int
    failed: str | None

    @property
    def words(self) -> str:
        return f"stopped at rung {self.rung}{f': {self.failed}' if self.failed else ''}"


@dataclass(frozen=True)
class Ladder:
    """The rungs of a plan; without `halving` there is none.

    What is fitted at once takes no part: it is done before others have begun. What is asked of it
    is remembered, also that a rung is undecided: take a new one (`replace(opened)`) to look again.
    """

    plan: "Plan"
    workspace: Workspace
    _rungs: dict[int, Rung | None] = field(default_factory=dict, compare=False)
    _slots: dict[int, list[Slot]] = field(default_factory=dict, compare=False)

    @property
    def settings(self) -> Halving:
        return self.plan.halving

    @cached_property
    def rungs(self) -> int:
        """How many rungs are decided on the way to the end."""
        return len(self.settings.shares)

    @cached_property
    def folds(self) -> int:
        return 1 + max(run.fold for run in self.plan.runs)

    @cached_property
    def tiers(self) -> dict[str, tuple[int, ...]]:
        """The entries that take part, by tier, in the order of the grid."""
        found: dict[str, dict[int, None]] = {}
        for run in self.plan.runs:
            if self.takes_part(run):
                found.setdefault(self.tier_of(run), {})[run.entry] = None
        return {tier: tuple(entries) for tier, entries in found.items()}

    @cached_property
    def _numbers(self) -> dict[tuple[int, int], int]:
        return {(run.entry, run.fold): number for number, run in enumerate(self.plan.runs)}

    @cached_property
    def _signatures(self) -> dict[str, list[str]]:
        return {
            tier: [self.plan.runs[number].signature for e in entries for number in self.runs_of(e)]
            for tier, entries in self.tiers.items()
        }

    def takes_part(self, run: "PlannedRun") -> bool:
        return self.rungs > 0 and run.config.part(Training) is not None

    def tier_of(self, run: "PlannedRun") -> str:
        site = self.plan.site
        return run.tier or site.default_tier(run.config.features.features)

    def runs_of(self, entry: int) -> list[int]:
        """Return the numbers of an entry's runs, one a fold."""
        return [self._numbers[entry, fold] for fold in range(self.folds)]

    def epoch(self, rung: int, number: int) -> int:
        """Return the epoch at which a run is ranked."""
        return self.settings.epoch(rung, self.plan.runs[number].config.epochs)

    def slots(self, rung: int) -> list[Slot]:
        """Return what is trained after a rung, from 1: those of one tier one behind the other."""
        if not 1 <= rung <= self.rungs:
            return []
        if rung not in self._slots:
            self._slots[rung] = [
                Slot(tier, position, fold)
                for tier, entries in self.tiers.items()
                for position in range(self.settings.left(len(entries), rung))
                for fold in range(self.folds)
            ]
        return self._slots[rung]

    def run_at(self, rung: int, item: int) -> int | None:
        """Return the number of the run of a slot; None while that is undecided or nobody's."""
        slot, decided = self.slots(rung)[item], self.decided(rung)
        if decided is None:
            return None
        going_on = decided.going_on[slot.tier]
        if slot.rank >= len(going_on):  # others of the tier had failed
            return None
        return self._numbers[going_on[slot.rank], slot.fold]

    def slots_of(self, rung: int, number: int) -> list[int]:
        """Return the slots after a rung that go on with a run: one, or none."""
        run, decided = self.plan.runs[number], self.decided(rung)
        tier = self.tier_of(run)
        if decided is None or run.entry not in decided.going_on.get(tier, ()):
            return []
        slot = Slot(tier, decided.going_on[tier].index(run.entry), run.fold)
        return [self.slots(rung).index(slot)]

    def decided(self, rung: int) -> Rung | None:
        """Return a rung, or None while nobody has decided it for this plan."""
        if rung not in self._rungs:
            self._rungs[rung] = Rung.load(self.workspace.rung(rung), self.made_from(rung))
        return self._rungs[rung]

    def made_from(self, rung: int) -> str:
        before = self.decided(rung - 1) if rung > 1 else None
        return made_from(self.settings, rung, self._signatures, before)

    def entries_at(self, rung: int, tier: str) -> Sequence[int]:
        """Return the entries that a rung ranks: those that the rung before let go on."""
        if rung == 1:
            return self.tiers[tier]
        before = self.decided(rung - 1)
        return before.going_on[tier] if before else ()

    def stopped_at(self, entry: int) -> Stopped | None:
        """Return where an entry stopped, or None if it goes on, as far as is decided."""
        return self._stopped.get(entry)

    @cached_property
    def _stopped(self) -> dict[int, Stopped]:
        found: dict[int, Stopped] = {}
        for rung in range(1, self.rungs + 1):
            decided = self.decided(rung)
            lines: list[Ranked] = [] if decided is None else decided.lines
            found |= {
                line.entry: Stopped(rung, line.failed)
                for line in lines
                if not line.goes_on and line.entry not in found
            }
        return found

    @cached_property
    def largest(self) -> "dict[str, PlannedRun]":
        """A run of each tier that asks for as much as any of it."""
        return {
            tier: max(
                (self.plan.runs[self._numbers[entry, 0]] for entry in entries),
                key=lambda run: (run.config.needs_gpu, run.config.threads),
            )
            for tier, entries in self.tiers.items()
        }

    def next_rung(self, number: int) -> int | None:
        """Return the rung at which a run is to be ranked next; None if at none."""
        run = self.plan.runs[number]
        if not self.takes_part(run) or self.stopped_at(run.entry):
            return None
        undecided = (r for r in range(1, self.rungs + 1) if self.decided(r) is None)
        return next(undecided, None)

    def warnings(self) -> Iterator[str]:
        """Yield what speaks against a first rung so early: schedules under which it says little."""
        by, share = self.settings.halving_by, self.settings.halving_from
        runs = (run for run in self.plan.runs if self.takes_part(run))
        for name in dict.fromkeys(run.config.schedule.name for run in runs):
            foretold = SCHEDULES[name].foretold(by, share)
            if foretold is not None and foretold < SAYS_LITTLE:
                yield (
                    f"under the schedule `{name}`, validation {by} after {share:.0%} of the epochs "
                    f"predicts the final ranking poorly (rank correlation {foretold:.2f} in our "
                    "measurements): the best runs may be stopped. See `halving_by` and "
                    "`halving_from`"
                )

    def epochs(self) -> tuple[int, int]:
        """Return how many epochs the halving trains, at most, and how many without it."""
        halved = whole = 0
        for entries in self.tiers.values():
            # The longest ones may be the best.
            lengths = [self.plan.runs[self._numbers[e, 0]].config.epochs for e in entries]
            lengths.sort(reverse=True)
            whole += sum(lengths)
            before = [0] * len(lengths)
            for rung in range(self.rungs + 1):
                left = self.settings.left(len(lengths), rung)
                for rank, length in enumerate(lengths[:left]):
                    last = rung == self.rungs
                    until = length if last else self.settings.epoch(rung + 1, length)
                    halved += until - before[rank]
                    before[rank] = until
        return halved * self.folds, whole * self.folds
