"""The split into folds of training and validation clips, drawn once per `split_seed`."""

import csv
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator

from jobs.data.dataset import Dataset
from jobs.errors import DamagedFileError
from jobs.files import csv_rows, write_csv
from jobs.schema import Schema, fingerprint

log = logging.getLogger(__name__)

MOST_FOLDS = 100
TRAINING, VALIDATION, HOLDOUT = "training", "validation", "holdout"


class SplitConfig(Schema):
    """How validation clips are chosen. One for a whole grid, so all runs rank on the same clips."""

    split_seed: int = Field(0, ge=0, le=2**32 - 1)
    validation: float = Field(
        0.2, gt=0, lt=1, description="share of labelled clips, those of a holdout left out"
    )
    folds: int | Literal["manifest"] | None = Field(
        None,
        description="train each run once for each fold, validating on it: so many, or `manifest`, "
        "those of train.csv's fold column",
    )
    validation_fold: int | None = Field(
        None, description="with `folds: manifest`: validate on this fold alone"
    )
    holdout: float | None = Field(
        None,
        gt=0,
        le=0.5,
        description="share of labelled clips on which nothing trains or ranks; the result is "
        "scored on them once",
    )

    @field_validator("folds", mode="before")
    @classmethod
    def _folds_are_several(cls, value: Any) -> Any:
        is_number = isinstance(value, int) and not isinstance(value, bool)
        if value in (None, "manifest") or (is_number and 2 <= value <= MOST_FOLDS):
            return value
        raise ValueError(f"must be `manifest` or a whole number from 2 to {MOST_FOLDS}")

    def allows(self, split: "Split") -> bool:
        """Return whether a split may be of this configuration, by what it consists of."""
        if (self.holdout is None) != (not split.holdout):
            return False
        folds = len(split.folds)
        if self.folds is None or self.validation_fold is not None:
            return folds == 1
        return folds > 1 if self.folds == "manifest" else folds == self.folds


@dataclass(frozen=True)
class Fold:
    """Positions of the labelled clips that train and that validate, ascending."""

    training: tuple[int, ...]
    validation: tuple[int, ...]

    @property
    def fingerprint(self) -> str:
        """Identify the very clips on each side, however they were drawn."""
        return fingerprint([self.training, self.validation])


@dataclass(frozen=True)
class Split:
    """One or more folds, and clips that stand outside of all of them.

    Attributes:
        folds: each labelled clip outside of the holdout is in every one, on one of its sides.
        holdout: clips that neither train nor rank anything.
    """

    folds: tuple[Fold, ...]
    holdout: tuple[int, ...] = ()

    def save(self, path: Path) -> None:
        """Write a row for each clip and a column for each fold."""
        columns = [
            dict.fromkeys(self.holdout, HOLDOUT)
            | dict.fromkeys(fold.training, TRAINING)
            | dict.fromkeys(fold.validation, VALIDATION)
            for fold in self.folds
        ]
        header = ("position", *(f"fold_{number}" for number in range(len(columns))))
        rows = ((p, *(part[p] for part in columns)) for p in sorted(columns[0]))
        write_csv(path, header, rows)

    @classmethod
    def load(cls, path: Path) -> "Split":
        """Read what `save` wrote.

        Raises:
            DamagedFileError: the file is not one of ours.
        """
        try:
            with path.open(encoding="utf-8", newline="") as file:
                (first, *names), *rows = csv_rows(file)
            if first != "position" or not names or len({row[0] for row in rows}) < len(rows):
                raise ValueError("not the columns of a split, or a clip that appears twice")
            columns = [_positions(rows, number) for number, _ in enumerate(names, start=1)]
        except (KeyError, ValueError, IndexError, csv.Error) as error:
            raise DamagedFileError(f"{path} is damaged ({error!r}); launch again") from error
        folds = tuple(Fold(part[TRAINING], part[VALIDATION]) for part in columns)
        return cls(folds, columns[0][HOLDOUT])

    def covers(self, clips: int) -> bool:
        """Return whether every fold names each of so many clips once, and validates on some."""
        everyone = list(range(clips))
        named = [sorted(fold.training + fold.validation + self.holdout) for fold in self.folds]
        return all(n == everyone for n in named) and all(fold.validation for fold in self.folds)


def _positions(rows: Sequence[Sequence[str]], column: int) -> dict[str, tuple[int, ...]]:
    parts: dict[str, list[int]] = {TRAINING: [], VALIDATION: [], HOLDOUT: []}
    for row in rows:
        parts[row[column]].append(int(row[0]))
    return {name: tuple(positions) for name, positions in parts.items()}


def split_fingerprint(config: SplitConfig, dataset: Dataset) -> str:
    """Return what names a stored split: its settings and the clips that it was drawn on."""
    # What came later is in the name only where it is set.
    left_out = {"holdout"} if config.holdout is None else set()
    return fingerprint([config.model_dump(exclude=left_out), dataset.labelled_fingerprint])


def classes_not_validated(dataset: Dataset, split: Split) -> list[str]:
    """Return the classes without a validation clip: their accuracy is not measured."""
    present = {index for fold in split.folds for index in dataset.labels(fold.validation)}
    return [label for index, label in enumerate(dataset.classes) if index not in present]
