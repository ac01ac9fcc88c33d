"""In what range the score on a test like this one should lie, 95 times in 100.

Both our not knowing the true accuracy and the luck of the test clips count. Clips of one group
(a singer, a field recording) are right or wrong together, so that they count for fewer; by how much
follows from the intraclass correlation.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

LEVEL = 0.95
# Two-sided, at that level, of a difference that is about normal.
Z = 1.96
# Below so many groups their variance is itself known badly.
FEW_GROUPS = 20
# Of fewer it cannot be taken at all.
GROUPS_THAT_VARY = 3

Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Sample:
    """How many clips, in groups of which sizes.

    Attributes:
        sizes: int64 [groups]; ones where there are no groups.
    """

    sizes: Numbers

    @classmethod
    def of(cls, groups: Sequence[int] | Numbers) -> "Sample":
        """Return the sizes of groups, given each clip's."""
        return cls(np.unique(np.asarray(groups), return_counts=True)[1])

    @property
    def clips(self) -> int:
        return int(self.sizes.sum())

    def design_effect(self, correlation: float) -> float:
        """Return how many times larger the variance of the mean is than without groups.

        Kish, Survey Sampling (1965), for groups of unequal size.
        """
        mean_size = float((self.sizes.astype(float) ** 2).sum() / self.sizes.sum())
        return 1 + (mean_size - 1) * correlation


def intraclass_correlation(right: npt.NDArray[np.float64], groups: Numbers) -> float:
    """Return by how much clips of one group are right or wrong together, from 0 to 1.

    The analysis-of-variance estimator for groups of unequal size (Donner 1986); below 0 it is
    taken as 0.

    Args:
        right: float64 [clips], 1 or 0.
        groups: int64 [clips].
    """
    names, of_clip, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    clips, count = len(right), len(names)
    if count < 2 or count == clips:
        return 0.0
    means = np.bincount(of_clip, weights=right) / sizes
    between = float((sizes * (means - right.mean()) ** 2).sum()) / (count - 1)
    within = float(((right - means[of_clip]) ** 2).sum()) / (clips - count)
    typical = (clips - (sizes.astype(float) ** 2).sum() / clips) / (count - 1)
    if between + within == 0:
        return 0.0
    return float(np.clip((between - within) / (between + (typical - 1) * within), 0, 1))


def prediction_interval(
    accuracy: float,
    validation: Sample,
    test: Sample,
    correlation: float,
    known_from: int | None = None,
) -> tuple[float, float]:
    """Return between which accuracies a test of that size should lie.

    The variance is that of two means, of the validation and of the test clips; the interval is
    that of the beta distribution with this mean and variance, which stays between 0 and 1.

    Args:
        accuracy: what is to be expected.
        validation: the clips from which that is known.
        test: the clips that are to come.
        correlation: within groups.
        known_from: how many groups that was taken from; None for those of the validation clips.
    """
    from scipy.special import betaincinv, ndtri, stdtrit  # scipy.stats takes a second to import

    n, m = validation.clips, test.clips
    # Jeffreys' half a clip right and half a clip wrong: 400 of 400 is not certainty.
    mean = (accuracy * n + 0.5) / (n + 1)
    effects = validation.design_effect(correlation) / n + test.design_effect(correlation) / m
    variance = mean * (1 - mean) * effects
    groups = known_from or len(validation.sizes)
    if groups < min(FEW_GROUPS, n):
        wider = stdtrit(max(groups - 1, 1), (1 + LEVEL) / 2) / ndtri((1 + LEVEL) / 2)
        variance *= wider**2
    count = mean * (1 - mean) / variance - 1
    if count <= 0:  # nothing is known
        return 0.0, 1.0
    ends = np.array([(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    low, high = betaincinv(mean * count, (1 - mean) * count, ends)
    # A test of m clips has no other scores than k / m.
    return float(np.floor(low * m) / m), float(np.ceil(high * m) / m)
