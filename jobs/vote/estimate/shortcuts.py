"""What the facts about recordings alone tell of the label: how loud, how long, how encoded.

A net that has learned how clips were recorded scores well on clips recorded likewise, and on no
others.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from jobs.vote.estimate.pooled_clips import FACTS, Floats, Numbers, PooledClips

TREES, FOLDS = 50, 5
LEAST_CLIPS = 100
LARGE_SHARE = 0.8
# Of the clips; below this, chance tells as much in a small data set.
LEAST_GAIN = 0.1
OF_LOUDNESS = ("rms", "peak")


@dataclass(frozen=True)
class Shortcut:
    """What recording facts tell.

    Attributes:
        accuracy: of a classifier that sees them alone, on groups that it has not seen.
        chance: the share of the largest class.
        fact: the one that tells most on its own; "" if all together tell little.
        alone: its accuracy.
    """

    accuracy: float
    chance: float
    fact: str
    alone: float

    def is_alarming(self, ensemble: float) -> bool:
        """Return whether they reach 80 % of what the ensemble gains over chance."""
        gain = self.accuracy - self.chance
        return gain >= LEAST_GAIN and gain >= LARGE_SHARE * (ensemble - self.chance)


def find_shortcut(labelled: PooledClips, seed: int) -> Shortcut | None:
    """Classify labelled clips by facts alone; None if there are too few, or no facts differ.

    Args:
        labelled: clips.
        seed: of trees and folds.
    """
    counts = np.bincount(labelled.labels)
    differing = [k for k in range(len(FACTS)) if np.ptp(labelled.facts[:, k]) > 0]
    few = len(labelled) < LEAST_CLIPS or len(np.unique(labelled.groups)) < FOLDS
    if few or not differing or (counts > 0).sum() < 2:
        return None
    folds = _folds(labelled, seed)
    accuracy = _accuracy(labelled.facts[:, differing], labelled.labels, folds, seed)
    chance = float(counts.max() / counts.sum())
    fact, alone = "", chance
    if accuracy - chance >= LEAST_GAIN:
        each = {
            k: _accuracy(labelled.facts[:, [k]], labelled.labels, folds, seed) for k in differing
        }
        best = max(each, key=lambda k: each[k])
        fact, alone = FACTS[best], each[best]
    return Shortcut(round(accuracy, 4), round(chance, 4), fact, round(alone, 4))


def _folds(labelled: PooledClips, seed: int) -> Numbers:
    """Return the fold of each clip; groups stay whole."""
    names, of_clip = np.unique(labelled.groups, return_inverse=True)
    return np.asarray((np.random.default_rng(seed).permutation(len(names)) % FOLDS)[of_clip])


def _accuracy(facts: Floats, labels: npt.NDArray[np.int64], folds: Numbers, seed: int) -> float:
    from sklearn.ensemble import ExtraTreesClassifier

    right = 0
    for fold in range(FOLDS):
        held_out = folds == fold
        learner = ExtraTreesClassifier(TREES, min_samples_leaf=5, random_state=seed, n_jobs=1)
        learner.fit(facts[~held_out], labels[~held_out])
        right += int((learner.predict(facts[held_out]) == labels[held_out]).sum())
    return right / len(labels)
