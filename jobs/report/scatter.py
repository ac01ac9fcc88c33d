"""A map of the clips: those that sound alike lie together.

Mean and deviation of each mel band, over all clips standardised, by PCA to 30 numbers and by t-SNE
(van der Maaten & Hinton 2008) to two. Few clips are shown by PCA alone.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from jobs.data.dataset import LABELLED, TEST, Dataset
from jobs.data.split import Split
from jobs.extract.store.feature_set import FeatureSet
from jobs.extract.store.shard import NO_ROW
from jobs.report.content import Point, Side

MOST_CLIPS, FEW_CLIPS, SEED = 5_000, 200, 0
NUMBERS = 30
Reals = npt.NDArray[np.float64]


def points_of(dataset: Dataset, split: Split, sets: Mapping[str, FeatureSet]) -> list[Point]:
    """Return the clips that could be read, at most 5,000 of them, drawn with a fixed seed.

    Args:
        dataset: the clips.
        split: which of them validate, and which are held out.
        sets: a FeatureSet of each side.
    """
    levels, places = [], []
    for side in (LABELLED, TEST):
        if side in sets:
            readable = np.flatnonzero(sets[side].row != NO_ROW)
            found = sets[side].band_levels()
            levels.append(found.reshape(len(found), -1)[readable])
            places += [(side, position) for position in readable.tolist()]
    if len(places) < 3:
        return []
    table = np.concatenate(levels).astype(np.float64)
    if len(places) > MOST_CLIPS:
        rng = np.random.default_rng(SEED)
        drawn = np.sort(rng.choice(len(places), MOST_CLIPS, replace=False))
        table, places = table[drawn], [places[k] for k in drawn.tolist()]
    sides = _sides(split, len(dataset.labelled))
    flat = in_two_dimensions(table)
    labels = dataset.labels(range(len(dataset.labelled)))
    return [_point(dataset, *place, flat[k], labels, sides) for k, place in enumerate(places)]


def _point(
    dataset: Dataset,
    side: str,
    position: int,
    at: Reals,
    labels: Sequence[int],
    sides: Sequence[Side],
) -> Point:
    clip = dataset.sides[side].clips[position]
    is_test = side == TEST
    return Point(
        x=round(float(at[0]), 4),
        y=round(float(at[1]), 4),
        kind=-1 if is_test else labels[position],
        side="test" if is_test else sides[position],
        id=clip.id,
        path=clip.path,
    )


def _sides(split: Split, labelled: int) -> list[Side]:
    """Return what each labelled clip does; with folds, the first one's."""
    found: list[Side] = ["train"] * labelled
    for position in split.folds[0].validation:
        found[position] = "validation"
    for position in split.holdout:
        found[position] = "holdout"
    return found


def in_two_dimensions(table: Reals) -> Reals:
    """Return float64 [clips, 2] within -1 and 1, the same for the same table.

    Args:
        table: float64 [clips, columns].
    """
    from threadpoolctl import threadpool_limits

    # One thread: in what order several add up is chance.
    with threadpool_limits(1):
        return _flat(table)


def _flat(table: Reals) -> Reals:
    scale = table.std(axis=0)
    columns = (table - table.mean(axis=0)) / np.where(scale > 0, scale, 1)
    left, values, _ = np.linalg.svd(columns, full_matrices=False)
    # The sign of a singular vector is chance; the largest entry is made positive.
    largest = np.abs(left).argmax(axis=0)
    signs = np.sign(left[largest, np.arange(left.shape[1])])
    numbers = (left * np.where(signs == 0, 1, signs) * values)[:, :NUMBERS]
    if len(table) <= FEW_CLIPS:
        flat = np.pad(numbers, ((0, 0), (0, 2)))[:, :2]
    else:
        from sklearn.manifold import TSNE

        flat = TSNE(init="pca", random_state=SEED, n_jobs=1).fit_transform(numbers)
        flat = flat.astype(np.float64)
    reach = np.abs(flat).max()
    return flat / reach if reach else flat
