"""Successive halving: most runs stop early, the best continue.

Jamieson & Talwalkar 2016, "Non-stochastic Best Arm Identification and Hyperparameter Optimization".
All runs train to a first rung; of those the best part goes on to the next, and so on to the end. A
run that goes on continues from its state with the schedule of its whole length, so that it ends
bit for bit like one that nobody ranked.

What differs from the paper: from rung to rung the epochs double while the runs become fewer by the
factor of `halving`. With the usual equal factors the second rung after a quarter of the epochs
would already be three quarters, and 27 runs would take 0.44 of the epochs instead of 0.39.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

from pydantic import Field

from jobs.errors import DamagedFileError, InputError
from jobs.files import read_json, write_json
from jobs.schema import Schema, fingerprint

Criterion = Literal["accuracy", "loss"]
# With the first rung after a tenth of the epochs: 0.1, 0.2, 0.4, 0.8.
MOST_RUNGS = 4
LOST = "lost"


class Halving(Schema):
    """Which runs of a grid stop early. It changes no result of a run that goes on."""

    halving: int | None = Field(
        None, ge=2, le=10, description="of this many runs one goes on at each rung"
    )
    halving_from: float = Field(
        0.25, ge=0.1, lt=1, description="share of the epochs before the first rung"
    )
    halving_by: Criterion = Field(
        "accuracy", description="what rungs rank on, of the validation clips"
    )

    @property
    def shares(self) -> tuple[float, ...]:
        """Return the share of a run's epochs at each rung; empty without halving."""
        if self.halving is None:
            return ()
        doubled = (self.halving_from * 2**rung for rung in range(MOST_RUNGS))
        return tuple(share for share in doubled if share < 1)

    def epoch(self, rung: int, epochs: int) -> int:
        """Return the epoch at which a run of so many epochs is ranked; rungs count from 1."""
        return max(1, round(self.shares[rung - 1] * epochs))

    def left(self, entries: int, rung: int) -> int:
        """Return how many of these entries continue after a rung; after rung 0 all of them."""
        for _ in range(rung):
            entries = math.ceil(entries / (self.halving or 1))
        return entries


@dataclass(frozen=True)
class Standing:
    """How one entry of a grid stands at a rung.

    Attributes:
        entry: its position in the grid.
        name: as the grid has it.
        score: accuracy or loss, over all its folds; None if it has none.
        failed: why it has no score and ranks last; None if it has one.
    """

    entry: int
    name: str
    score: float | None
    failed: str | None = None


class Ranked(Schema):
    """One line of a rung: an entry, what it was ranked on, whether it continues."""

    entry: int
    name: str
    score: float | None
    goes_on: bool
    failed: str | None = None


class Rung(Schema):
    """Who continues after a rung, as rung-<k>.json. It is decided once.

    Attributes:
        made_from: fingerprint of what it depends on: runs, settings, the rung before it.
        number: from 1.
        by: what was ranked on.
        tiers: entries by size of job, best first.
    """

    made_from: str
    number: int
    by: Criterion
    tiers: dict[str, tuple[Ranked, ...]]

    @cached_property
    def going_on(self) -> dict[str, list[int]]:
        """The positions in the grid of those that continue, by tier, best first."""
        return {
            tier: [each.entry for each in ranked if each.goes_on]
            for tier, ranked in self.tiers.items()
        }

    @property
    def lines(self) -> list[Ranked]:
        """All lines, tier by tier."""
        return [line for ranked in self.tiers.values() for line in ranked]

    def save(self, path: Path) -> None:
        write_json(path, self.model_dump(mode="json"))

    @classmethod
    def load(cls, path: Path, made_from: str) -> "Rung | None":
        """Read what `save` wrote; None if there is none, or it is of another grid or data.

        Raises:
            OSError: it cannot be read now.
        """
        try:
            found = cls.checked(read_json(path), str(path))
        except (FileNotFoundError, DamagedFileError, InputError, AttributeError, TypeError):
            return None
        return found if found.made_from == made_from else None


def rank(standings: Sequence[Standing], by: Criterion, places: int) -> tuple[Ranked, ...]:
    """Return entries best first; the first `places` of them continue.

    Those without a score come last, and continue only where there are too few others. Ties go to
    the earlier entry.
    """
    sign = -1 if by == "accuracy" else 1
    ordered = sorted(
        standings,
        key=lambda each: (each.score is None, sign * (each.score or 0), each.entry),
    )
    # One that has diverged has nothing to train on, even where there is room.
    return tuple(
        Ranked(
            entry=each.entry,
            name=each.name,
            score=each.score,
            goes_on=place < places and each.score is not None,
            failed=each.failed,
        )
        for place, each in enumerate(ordered)
    )


def made_from(
    settings: Halving, rung: int, runs: Mapping[str, Sequence[str]], before: Rung | None
) -> str:
    """Return the fingerprint of what a rung depends on.

    Args:
        settings: of the halving.
        rung: its number.
        runs: names of the folders of all runs that take part, by tier.
        before: the rung before it.
    """
    survivors = before.going_on if before else {}
    return fingerprint(
        [
            settings.model_dump(),
            rung,
            {tier: list(names) for tier, names in runs.items()},
            survivors,
        ]
    )
