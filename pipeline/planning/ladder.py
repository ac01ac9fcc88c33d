"""Successive halving over a plan: which run each task of a rung trains, and how far.

How many tasks a rung has is known before anything is trained; which run a task trains, only once
the rung before it is decided.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from jobs.data.workspace import Workspace
from jobs.train.halving import Halving, Rung, made_from
from jobs.train.recipe import Training

if TYPE_CHECKING:
    from pipeline.planning.plan import Plan
    from pipeline.planning.planned_run import PlannedRun


@dataclass(frozen=True)
class Place:
    """What one task after a rung trains: a fold of the entry that came so far in its tier."""

    tier: str
    rank: int
    fold: int


@dataclass(frozen=True)
class Ladder:
    """The rungs of a plan; without `halving` there is none.

    What is fitted at once takes no part: it is done before others have begun.
    """

    plan: "Plan"
    workspace: Workspace
    _decided: dict[int, Rung] = field(default_factory=dict, compare=False)

    @property
    def settings(self) -> Halving:
        return self.plan.halving

    @property
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

    def places(self, rung: int) -> list[Place]:
        """Return what is trained after a rung, from 1: those of one tier one behind the other."""
        if not 1 <= rung <= self.rungs:
            return []
        return [
            Place(tier, position, fold)
            for tier, entries in self.tiers.items()
            for position in range(self.settings.left(len(entries), rung))
            for fold in range(self.folds)
        ]

    def run_at(self, rung: int, item: int) -> int | None:
        """Return the number of the run of a place; None while that is undecided or nobody's."""
        place, decided = self.places(rung)[item], self.decided(rung)
        if decided is None:
            return None
        going_on = decided.going_on(place.tier)
        if place.rank >= len(going_on):  # others of the tier had failed
            return None
        return self._numbers[going_on[place.rank], place.fold]

    def decided(self, rung: int) -> Rung | None:
        """Return a rung, or None while nobody has decided it for this plan."""
        if rung not in self._decided and (found := self._load(rung)):
            self._decided[rung] = found
        return self._decided.get(rung)

    def _load(self, rung: int) -> Rung | None:
        return Rung.load(self.workspace.rung(rung), self.made_from(rung))

    def made_from(self, rung: int) -> str:
        runs = {
            tier: [self.plan.runs[number].signature for e in entries for number in self.runs_of(e)]
            for tier, entries in self.tiers.items()
        }
        before = self.decided(rung - 1) if rung > 1 else None
        return made_from(self.settings, rung, runs, before)

    def entries_at(self, rung: int, tier: str) -> Sequence[int]:
        """Return the entries that a rung ranks: those that the rung before let go on."""
        if rung == 1:
            return self.tiers[tier]
        before = self.decided(rung - 1)
        return before.going_on(tier) if before else ()

    def stopped_at(self, entry: int) -> int | None:
        """Return the rung at which an entry stopped, or None."""
        for rung in range(1, self.rungs + 1):
            if (decided := self.decided(rung)) and entry in decided.stopped:
                return rung
        return None

    def epochs(self) -> tuple[int, int]:
        """Return how many epochs the halving trains, at most, and how many without it."""
        halved = whole = 0
        for entries in self.tiers.values():
            lengths = [self.plan.runs[self._numbers[e, 0]].config.epochs for e in entries]
            whole += sum(lengths)
            # The longest ones may be the best.
            lengths.sort(reverse=True)
            before = [0] * len(lengths)
            for rung in range(self.rungs + 1):
                left = self.settings.left(len(lengths), rung)
                for place, length in enumerate(lengths[:left]):
                    last = rung == self.rungs
                    until = length if last else self.settings.epoch(rung + 1, length)
                    halved += until - before[place]
                    before[place] = until
        return halved * self.folds, whole * self.folds
