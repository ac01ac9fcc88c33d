"""How a split is drawn: by train.csv's folds, in folds of our own, or one share that validates."""

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from jobs.data.dataset import Dataset
from jobs.data.folds import draw_folds
from jobs.data.group_split import Groups, validating_clips
from jobs.data.holdout import held_out
from jobs.data.split import Fold, Split, SplitConfig
from jobs.errors import DamagedFileError, InputError, quoted
from jobs.words import count

log = logging.getLogger(__name__)

NAMED = 5


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
            if split.covers(len(dataset.labelled)) and config.allows(split):
                return split
            log.warning("%s does not name every clip once; the split is drawn again", path)
    return draw_split(dataset, config)


def draw_split(dataset: Dataset, config: SplitConfig) -> Split:
    """Draw one stratified fold, or several, that keep groups whole where clips have them.

    Args:
        dataset: clips with labels, and groups or folds if the split shall use them.
        config: seed, shares, and whether the manifest's folds decide instead.

    Raises:
        InputError: the clips cannot be split so that every class trains.
    """
    if config.validation_fold is not None and config.folds != "manifest":
        raise InputError(
            "`validation_fold` needs `folds: manifest`; add that, or remove `validation_fold`"
        )
    holdout = held_out(dataset, config.holdout) if config.holdout is not None else ()
    rest = sorted(set(range(len(dataset.labelled))) - set(holdout))
    try:
        validating = _validating(dataset.part(rest), config)
    except InputError as error:
        beside = f" ({count(len(holdout), 'clip')} held out are not counted)" if holdout else ""
        raise InputError(f"{error}{beside}") from None
    folds = tuple(_fold(dataset, rest, [rest[p] for p in each]) for each in validating)
    return Split(folds, holdout)


def _validating(dataset: Dataset, config: SplitConfig) -> list[list[int]]:
    """Return the positions that validate in each fold."""
    if config.folds == "manifest":
        return _manifest_folds(dataset, config.validation_fold)
    if config.folds is not None:
        labels = dataset.labels(range(len(dataset.labelled)))
        return draw_folds(labels, _groups(dataset), config.folds, config.split_seed)
    if any(clip.group is not None for clip in dataset.labelled.clips):
        return [_stratified_groups(dataset, config.validation, config.split_seed)]
    return [_stratified_clips(dataset, config.validation, config.split_seed)]


def _fold(dataset: Dataset, everyone: Sequence[int], held_out: Sequence[int]) -> Fold:
    validation = set(held_out)
    fold = Fold(tuple(p for p in everyone if p not in validation), tuple(sorted(validation)))
    _require_whole_groups(dataset, fold)
    _require_every_class(dataset, fold)
    return fold


def _require_whole_groups(dataset: Dataset, fold: Fold) -> None:
    """Refuse folds of train.csv that part a group: its validation clips are half known."""
    group_of = [clip.group for clip in dataset.labelled.clips]
    validating = {group_of[p] for p in fold.validation} - {None}
    parted = sorted({str(group_of[p]) for p in fold.training if group_of[p] in validating})
    if parted:
        named = ", ".join(quoted(name) for name in parted[:NAMED])
        raise InputError(
            f"`folds: manifest`: {count(len(parted), 'group')} of train.csv would be on both sides "
            f"of a split ({named}), which makes the score too high. Put all clips of a group into "
            "one fold, or drop `folds: manifest`, or the group column"
        )


def _manifest_folds(dataset: Dataset, wanted: int | None) -> list[list[int]]:
    """Return the positions of the clips of each fold of train.csv, or of the wanted one alone."""
    folds = sorted({clip.fold for clip in dataset.labelled.clips if clip.fold is not None})
    without = sum(clip.fold is None for clip in dataset.labelled.clips)
    if without:
        raise InputError(
            f"`folds: manifest` needs a fold for every clip of train.csv; {without} of "
            f"{len(dataset.labelled)} have none. Fill the fold column or drop `folds`"
        )
    if len(folds) < 2:
        raise InputError(
            f"`folds: manifest`: every clip of train.csv is in fold {folds[0]}; there must be two "
            "folds or more"
        )
    if wanted is not None and wanted not in folds:
        raise InputError(f"`validation_fold: {wanted}` is not in train.csv, which has {folds}")
    of_fold = [[p for p, c in enumerate(dataset.labelled.clips) if c.fold == f] for f in folds]
    return of_fold if wanted is None else [of_fold[folds.index(wanted)]]


def _groups(dataset: Dataset) -> list[str]:
    """Return the group of each labelled clip; one without is a group of its own."""
    clips = enumerate(dataset.labelled.clips)
    return [clip.group if clip.group is not None else f"\0{p}" for p, clip in clips]


def _stratified_groups(dataset: Dataset, share: float, seed: int) -> list[int]:
    labels = dataset.labels(range(len(dataset.labelled)))
    groups = Groups.of(labels, _groups(dataset), len(dataset.classes))
    return validating_clips(groups, share, seed, dataset.classes)


def _stratified_clips(dataset: Dataset, share: float, seed: int) -> list[int]:
    from sklearn.model_selection import train_test_split

    labels = dataset.labels(range(len(dataset.labelled)))
    rarest = min(dataset.class_counts, key=lambda label: dataset.class_counts[label])
    if dataset.class_counts[rarest] < 2:
        raise InputError(
            f"class '{rarest}' has only one labelled clip; a class needs at least 2, one to "
            "train and one to validate. Add clips of it or leave it out"
        )
    # Never fewer validation clips than classes, however small the data.
    wanted = max(round(share * len(labels)), len(dataset.classes))
    try:
        _, held_out = train_test_split(
            np.arange(len(labels)),
            test_size=wanted,
            stratify=labels,
            random_state=seed,
        )
    except ValueError as error:
        raise InputError(
            f"{len(labels)} labelled clips of {len(dataset.classes)} classes cannot be split "
            f"by a share of {share}: {error}"
        ) from None
    return [int(p) for p in held_out]


def _require_every_class(dataset: Dataset, fold: Fold) -> None:
    present = set(dataset.labels(fold.training))
    for index, label in enumerate(dataset.classes):
        if index not in present:
            raise InputError(
                f"the split leaves no training clip of class '{label}': all of its clips share "
                "a group or a fold with validation clips. Give it more groups, try another "
                "`split_seed`, or set `folds: null`"
            )
