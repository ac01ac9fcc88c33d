"""Folds of a cross-validation: stratified by class, groups kept whole."""

import warnings
from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from jobs.data.group_split import DRAWS
from jobs.errors import InputError

Numbers = npt.NDArray[np.int64]


def draw_folds(labels: Sequence[int], groups: Sequence[str], k: int, seed: int) -> list[list[int]]:
    """Return the positions that validate in each of k folds; every clip is in one of them.

    Several draws are made where groups are larger than single clips: scikit-learn deals them out
    in one order, and the order decides whether a class is left with nothing to train on.

    Args:
        labels: the class index of each clip.
        groups: the group of each clip; a clip without one is a group of its own.
        k: how many folds.
        seed: of the draws.

    Raises:
        InputError: there are fewer groups, or fewer clips of every class, than folds.
    """
    largest = max(Counter(labels).values())
    if largest < k:
        raise InputError(
            f"`folds: {k}` needs a class of {k} clips or more; the largest has {largest}"
        )
    number = {name: position for position, name in enumerate(dict.fromkeys(groups))}
    if len(number) < k:
        what = "clips" if len(number) == len(groups) else "groups of clips"
        raise InputError(f"`folds: {k}` needs as many {what}; there are {len(number)}")
    of_clip = np.array([number[name] for name in groups])
    of_class = np.asarray(labels, dtype=np.int64)
    best = min(_drawn(of_class, of_clip, k, seed), key=lambda drawn: _cost(of_class, drawn, k))
    return [np.flatnonzero(best == fold).tolist() for fold in range(k)]


def _drawn(labels: Numbers, groups: Numbers, k: int, seed: int) -> Iterator[Numbers]:
    """Yield draws: the fold in which each clip validates."""
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    single = len(set(groups.tolist())) == len(groups)
    for draw in range(1 if single else DRAWS):
        state = int(np.random.SeedSequence([seed, draw]).generate_state(1)[0])
        kind = StratifiedKFold if single else StratifiedGroupKFold
        folds = kind(k, shuffle=True, random_state=state)
        of_clip = np.empty(len(labels), dtype=np.int64)
        with warnings.catch_warnings():
            # It warns of classes with fewer clips than folds; we look at the outcome instead.
            warnings.simplefilter("ignore", UserWarning)
            for fold, (_, held_out) in enumerate(folds.split(labels, labels, groups)):
                of_clip[held_out] = fold
        yield of_clip


def _cost(labels: Numbers, folds: Numbers, k: int) -> tuple[float, ...]:
    """Return what is wrong with a draw, the gravest first; the less the better."""
    counts = np.zeros((k, labels.max() + 1))
    np.add.at(counts, (folds, labels), 1)
    totals = counts.sum(axis=0)
    untrained = int((counts == totals).sum())
    empty = int((counts.sum(axis=1) == 0).sum())
    unvalidated = int((counts == 0).sum())
    uneven = float(np.abs(counts / totals - 1 / k).mean())
    return (empty, untrained, unvalidated, uneven)
