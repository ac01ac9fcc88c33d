"""Is the test unlike training? Adversarial validation, judged against tests of our own making.

A classifier that tells test clips from labelled ones by the levels of their bands shows that they
differ; but so do any two groups of speakers. So the same is asked of labelled groups that are set
aside as if they were a test, and only what stands out among those is an alarm.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from jobs.vote.estimate.pooled_clips import Floats, Numbers, PooledClips

FOLDS, PSEUDO_TESTS = 5, 19
# Beyond the largest of the pseudo-tests, lest one in twenty clean tests is an alarm.
BEYOND, LEAST_AUC = 0.03, 0.6
LEAST_CLIPS = 30
CLEARLY_DIFFERENT = 0.5  # in deviations (Cohen's d)


@dataclass(frozen=True)
class Shift:
    """How well test clips are told from labelled ones.

    Attributes:
        auc: area under the curve, 0.5 for not at all.
        usual: that of labelled groups set aside as if they were a test, ascending.
        where: the bands that differ, in words.
        groups: how many the side with fewer has.
    """

    auc: float
    usual: tuple[float, ...]
    where: str
    groups: int

    @property
    def stands_out(self) -> bool:
        """Whether the test differs more than any labelled clips set aside."""
        return self.auc > max(LEAST_AUC, self.usual[-1] + BEYOND)

    @property
    def is_alarming(self) -> bool:
        return self.groups >= FOLDS and self.stands_out

    @property
    def may_be_groups(self) -> bool:
        """Whether the test differs, but groups are too few to tell that from what they differ."""
        return self.groups < FOLDS and self.auc > LEAST_AUC


def pseudo_tests(
    labelled: PooledClips, test: PooledClips, seed: int
) -> list[npt.NDArray[np.bool_]]:
    """Set whole groups of labelled clips aside, as many clips as the test has or a third of all.

    Returns:
        The clips set aside each time, bool [clips]; nothing if there are too few clips.
    """
    rng = np.random.default_rng(seed)
    size = min(len(test), len(labelled) // 3)
    groups = len(np.unique(labelled.groups))
    if size < LEAST_CLIPS or groups < 2:
        return []
    return [_set_aside(labelled.groups, size, rng) for _ in range(PSEUDO_TESTS)]


def find_shift(
    labelled: PooledClips, test: PooledClips, aside: list[npt.NDArray[np.bool_]], seed: int
) -> Shift | None:
    """Compare the test with the labelled clips; None if there are too few clips to tell.

    Args:
        labelled: clips.
        test: clips.
        aside: see `pseudo_tests`.
        seed: of the folds.
    """
    if not aside:
        return None
    rng = np.random.default_rng(seed)
    of_both = [len(np.unique(each.groups)) for each in (labelled, test)]
    few = min(of_both) < FOLDS
    # Where nobody says which test clips belong together, a classifier meets those of one group in
    # all folds. So must it those that are set aside. With few groups it is so on both sides.
    unnamed = of_both[1] == len(test)
    usual = []
    for chosen in aside:
        groups = _parted(labelled.groups, np.ones(len(chosen), bool) if few else chosen & unnamed)
        usual.append(_auc(labelled.levels, chosen, groups, rng))
    levels = np.concatenate([labelled.levels, test.levels])
    groups = np.concatenate([labelled.groups, test.groups])
    is_test = np.arange(len(levels)) >= len(labelled)
    auc = _auc(levels, is_test, _parted(groups, np.full(len(groups), few)), rng)
    where = _where(labelled.levels, test.levels, labelled.band_hz)
    shown = tuple(round(each, 4) for each in sorted(usual))
    return Shift(round(auc, 4), shown, where, min(of_both))


def _parted(groups: Numbers, chosen: npt.NDArray[np.bool_]) -> Numbers:
    """Return the groups, each chosen clip in one of its own."""
    return np.where(chosen, groups.max() + 1 + np.arange(len(groups)), groups)


def _set_aside(groups: Numbers, size: int, rng: np.random.Generator) -> npt.NDArray[np.bool_]:
    """Choose whole groups at random until there are about so many clips."""
    names, of_clip, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    order = rng.permutation(len(names))
    count = int(np.searchsorted(np.cumsum(sizes[order]), size)) + 1
    chosen = order[: min(count, len(names) - 1)]
    return np.asarray(np.isin(of_clip, chosen))


def _auc(
    levels: Floats, is_test: npt.NDArray[np.bool_], groups: Numbers, rng: np.random.Generator
) -> float:
    """Return how well a linear discriminant tells the two apart on groups that it has not seen."""
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.metrics import roc_auc_score

    names, of_clip = np.unique(groups, return_inverse=True)
    # Each side's groups are dealt out on their own, so that every fold has some of both.
    fold_of = np.empty(len(names), np.int64)
    test_groups = np.isin(np.arange(len(names)), of_clip[is_test])
    for side in (test_groups, ~test_groups):
        fold_of[side] = rng.permutation(int(side.sum())) % FOLDS
    scores = np.full(len(levels), np.nan)
    for fold in range(FOLDS):
        held_out = fold_of[of_clip] == fold
        if not held_out.any() or len(set(is_test[~held_out].tolist())) < 2:
            continue
        learner = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")
        learner.fit(levels[~held_out], is_test[~held_out])
        scores[held_out] = learner.decision_function(levels[held_out])
    there = np.isfinite(scores)
    if len(set(is_test[there].tolist())) < 2:
        return 0.5
    return float(roc_auc_score(is_test[there], scores[there]))


def _where(labelled: Floats, test: Floats, band_hz: Floats) -> str:
    """Return the bands whose level differs most, in words; "" if none does clearly."""
    bands = len(band_hz)
    means = test[:, :bands].mean(axis=0) - labelled[:, :bands].mean(axis=0)
    spread = np.maximum(labelled[:, :bands].std(axis=0), 1e-9)
    different = np.abs(means / spread) > CLEARLY_DIFFERENT
    if not different.any():
        return ""
    peak = int(np.abs(means / spread).argmax())
    low = high = peak
    while low > 0 and different[low - 1]:
        low -= 1
    while high < bands - 1 and different[high + 1]:
        high += 1
    change = float(means[low : high + 1].mean())
    level = f"{abs(change):.0f} dB {'louder' if change > 0 else 'weaker'}"
    if low == 0 and high == bands - 1:
        return f"all bands are {level}"
    if high == bands - 1:
        return f"bands above {_hz(band_hz[low])} are {level}"
    if low == 0:
        return f"bands below {_hz(band_hz[high])} are {level}"
    return f"bands from {_hz(band_hz[low])} to {_hz(band_hz[high])} are {level}"


def _hz(frequency: float) -> str:
    return f"{frequency / 1000:.1f} kHz" if frequency >= 1000 else f"{frequency:.0f} Hz"
