"""The split into folds of training and validation clips, drawn once per `split_seed`."""

import csv
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import Field

from jobs.data.dataset import Dataset
from jobs.data.group_split import Groups, validating_clips
from jobs.errors import DamagedFileError, InputError
from jobs.files import csv_rows, write_csv
from jobs.schema import Schema, fingerprint

log = logging.getLogger(__name__)

TRAINING, VALIDATION, HOLDOUT = "training", "validation", "holdout"


class SplitConfig(Schema):
    """How validation clips are chosen. One for a whole grid, so all runs rank on the same clips."""

    split_seed: int = Field(0, ge=0, le=2**32 - 1)
    validation: float = Field(0.2, gt=0, lt=1, description="share of labelled clips")
    folds: Literal["manifest"] | None = Field(
        None, description="`manifest`: validate on one fold of train.csv's fold column"
    )
    validation_fold: int | None = Field(None, description="default: the lowest fold")


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


def stored_or_drawn_split(path: Path, dataset: Dataset, config: SplitConfig) -> Split:
    """Return the split that lies at `path`, or draw it: once drawn, it is only read.

    Another version of scikit-learn might draw another one. A damaged file is drawn again.

    Raises:
        InputError: see `draw_split`.
    """
    if path.exists():
        try:
            split = Split.load(path)
        except DamagedFileError as error:
            log.warning("%s", error)
        else:
            if split.covers(len(dataset.labelled)):
                return split
            log.warning("%s does not name every clip once; the split is drawn again", path)
    return draw_split(dataset, config)


def split_fingerprint(config: SplitConfig, dataset: Dataset) -> str:
    """Return what names a stored split: its settings and the clips that it was drawn on."""
    return fingerprint([config.model_dump(), dataset.labelled_fingerprint])


def draw_split(dataset: Dataset, config: SplitConfig) -> Split:
    """Draw one stratified fold that keeps groups whole where clips have them.

    Args:
        dataset: clips with labels, and groups or folds if the split shall use them.
        config: seed, share, and whether the manifest's folds decide instead.

    Raises:
        InputError: the clips cannot be split so that every class trains.
    """
    if config.validation_fold is not None and config.folds is None:
        raise InputError("`validation_fold` counts only with `folds: manifest`; add or drop it")
    if config.folds == "manifest":
        held_out = _manifest_fold(dataset, config.validation_fold)
    elif any(clip.group is not None for clip in dataset.labelled.clips):
        held_out = _stratified_groups(dataset, config)
    else:
        held_out = _stratified_clips(dataset, config)
    validation = set(held_out)
    training = tuple(p for p in range(len(dataset.labelled)) if p not in validation)
    fold = Fold(training, tuple(sorted(validation)))
    _require_every_class(dataset, fold)
    return Split((fold,))


def classes_not_validated(dataset: Dataset, split: Split) -> list[str]:
    """Return the classes without a validation clip: their accuracy is not measured."""
    present = {index for fold in split.folds for index in dataset.labels(fold.validation)}
    return [label for index, label in enumerate(dataset.classes) if index not in present]


def _manifest_fold(dataset: Dataset, wanted: int | None) -> Sequence[int]:
    folds = sorted({clip.fold for clip in dataset.labelled.clips if clip.fold is not None})
    without = sum(clip.fold is None for clip in dataset.labelled.clips)
    if without:
        raise InputError(
            f"`folds: manifest` needs a fold for every clip of train.csv; {without} of "
            f"{len(dataset.labelled)} have none. Fill the fold column or drop `folds`"
        )
    chosen = folds[0] if wanted is None else wanted
    if chosen not in folds:
        raise InputError(f"`validation_fold: {chosen}` is not in train.csv, which has {folds}")
    return [p for p, clip in enumerate(dataset.labelled.clips) if clip.fold == chosen]


def _stratified_groups(dataset: Dataset, config: SplitConfig) -> Sequence[int]:
    # A clip without a group is a group of its own.
    names = [
        c.group if c.group is not None else f"\0{p}" for p, c in enumerate(dataset.labelled.clips)
    ]
    labels = dataset.labels(range(len(dataset.labelled)))
    groups = Groups.of(labels, names, len(dataset.classes))
    return validating_clips(groups, config.validation, config.split_seed, dataset.classes)


def _stratified_clips(dataset: Dataset, config: SplitConfig) -> Sequence[int]:
    from sklearn.model_selection import train_test_split

    labels = dataset.labels(range(len(dataset.labelled)))
    rarest = min(dataset.class_counts, key=lambda label: dataset.class_counts[label])
    if dataset.class_counts[rarest] < 2:
        raise InputError(
            f"class '{rarest}' has only one labelled clip; a class needs at least 2, one to "
            "train and one to validate. Add clips of it or leave it out"
        )
    # Never fewer validation clips than classes, however small the data.
    wanted = max(round(config.validation * len(labels)), len(dataset.classes))
    try:
        _, held_out = train_test_split(
            np.arange(len(labels)),
            test_size=wanted,
            stratify=labels,
            random_state=config.split_seed,
        )
    except ValueError as error:
        raise InputError(
            f"{len(labels)} labelled clips of {len(dataset.classes)} classes cannot be split "
            f"with `validation: {config.validation}`: {error}"
        ) from None
    return [int(p) for p in held_out]


def _require_every_class(dataset: Dataset, fold: Fold) -> None:
    present = set(dataset.labels(fold.training))
    for index, label in enumerate(dataset.classes):
        if index not in present:
            raise InputError(
                f"the split leaves no training clip of class '{label}': all of its clips share "
                "a group or a fold with validation clips. Give it more groups, or another "
                "`split_seed`"
            )
