"""What a simple classifier makes of the clips, on random folds and on folds of whole groups.

It is a linear discriminant on the levels of mel bands. It costs no training, so that all labelled
clips can be asked what a few validation groups cannot tell: how much clips of one group are alike.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from jobs.data.folds import draw_folds
from jobs.vote.estimate.interval import intraclass_correlation
from jobs.vote.estimate.pooled_clips import Numbers, PooledClips

FOLDS = 5
LEAST_CLIPS = 50


@dataclass(frozen=True)
class Simple:
    """How often the simple classifier is right, in shares of 1.

    Attributes:
        random: on folds that part groups.
        grouped: on folds of whole groups.
        error: the standard error of the difference of both, for whole groups.
        correlation: how much clips of one group are right or wrong together, 0 to 1.
        groups: how many there are.
    """

    random: float
    grouped: float
    error: float
    correlation: float
    groups: int

    @property
    def gap(self) -> float:
        return self.random - self.grouped


def classify_simply(clips: PooledClips, groups: Numbers, seed: int) -> Simple | None:
    """Classify labelled clips; None where there are no groups, or too little to tell.

    Args:
        clips: labelled ones.
        groups: int64 [clips], known or suggested.
        seed: of the folds.
    """
    of_group = np.unique(groups, return_inverse=True)[1]
    count = int(of_group.max(initial=-1)) + 1
    folds = min(FOLDS, count)
    if len(clips) < LEAST_CLIPS or folds < 2 or count == len(clips):
        return None
    if np.bincount(clips.labels).max() < folds or len(np.unique(clips.labels)) < 2:
        return None
    at_random = _right(clips, np.arange(len(clips)), folds, seed)
    grouped = _right(clips, of_group, folds, seed)
    differences = np.bincount(of_group, weights=at_random - grouped)
    return Simple(
        random=round(float(at_random.mean()), 4),
        grouped=round(float(grouped.mean()), 4),
        error=round(float(np.sqrt((differences**2).sum())) / len(clips), 4),
        correlation=round(intraclass_correlation(grouped, of_group), 4),
        groups=count,
    )


def _right(clips: PooledClips, groups: Numbers, folds: int, seed: int) -> npt.NDArray[np.float64]:
    """Return on which clips the classifier is right that has not seen their group, [clips]."""
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    right = np.zeros(len(clips))
    for held_out in draw_folds(clips.labels.tolist(), list(map(str, groups)), folds, seed):
        training = np.delete(np.arange(len(clips)), held_out)
        known = clips.labels[training]
        if len(np.unique(known)) < 2 or not len(held_out):
            continue
        learner = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")
        learner.fit(clips.levels[training], known)
        right[held_out] = learner.predict(clips.levels[held_out]) == clips.labels[held_out]
    return right
