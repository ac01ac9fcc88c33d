"""The selection of a launch, repeated on draws of the validation clips.

BBC-CV: Tsamardinos, Greasidou, Borboudakis: Bootstrapping the out-of-sample predictions for
efficient and accurate cross-validation (Machine Learning 107, 2018). What was chosen by some clips
is scored on the others, so that the luck of the choice is not counted as skill.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from jobs.vote.estimate.pool import Pool
from jobs.vote.ranking import Probabilities, Weights
from jobs.vote.rules import CHOOSE, COMBINE, VoteRules

BLOCK = 50  # draws that are ranked together


@dataclass(frozen=True)
class Repeated:
    """What the selection gave on each draw.

    Attributes:
        scores: float64 [draws], accuracy on the clips that were left out.
        drawn: float64 [draws], on those that were drawn, each as often as it was.
        f1: float64 [draws], macro-F1 on the clips left out.
    """

    scores: npt.NDArray[np.float64]
    drawn: npt.NDArray[np.float64]
    f1: npt.NDArray[np.float64]

    @property
    def corrected(self) -> float:
        return float(self.scores.mean())


def repeat_selection(
    pool: Pool, rules: Mapping[str, VoteRules], draws: int, seed: int
) -> dict[str, Repeated]:
    """Choose by each rule on each draw, and score what was chosen on the clips left out.

    Args:
        pool: the models.
        rules: by name.
        draws: how many.
        seed: of the draws; the same for every rule, so that rules can be compared.
    """
    rng = np.random.default_rng(seed)
    found: dict[str, list[tuple[float, float, float]]] = {name: [] for name in rules}
    done = 0
    while done < draws:
        weights = [_usable_draw(pool, rng) for _ in range(min(BLOCK, draws - done))]
        done += len(weights)
        for drawn, ranking in zip(weights, pool.rankings(weights), strict=True):
            # Rules that differ only in how votes are combined choose the same.
            chosen: dict[tuple[object, ...], Probabilities] = {}
            for name, rule in rules.items():
                key = (rule.choose, rule.votes, rule.per_run)
                if key not in chosen:
                    picks = CHOOSE[rule.choose](ranking, rule)
                    chosen[key] = ranking.first(max(picks) + 1)[picks]
                found[name].append(_scores(chosen[key], pool.labels, drawn, rule.combine))
    arrays = {name: np.array(rows) for name, rows in found.items()}
    return {name: Repeated(a[:, 0], a[:, 1], a[:, 2]) for name, a in arrays.items()}


def _usable_draw(pool: Pool, rng: np.random.Generator) -> Weights:
    """Return a draw that leaves some clips out; of very few groups some draws take all."""
    while True:
        weights = pool.draw(rng)
        if (weights == 0).any():
            return weights


def _scores(
    said: Probabilities, labels: npt.NDArray[np.int64], weights: Weights, combine: str
) -> tuple[float, float, float]:
    winners = winners_of(said, combine)
    right, left_out = winners == labels, weights == 0
    f1 = macro_f1(labels[left_out], winners[left_out])
    return float(right[left_out].mean()), float(right @ weights / weights.sum()), f1


def winners_of(said: Probabilities, combine: str) -> npt.NDArray[np.int64]:
    """Return the class index that a vote gives each clip, int64 [clips].

    Args:
        said: float32 [votes, clips, classes]; NaN where one could not read a clip.
        combine: the rule.
    """
    readable = np.asarray(np.isfinite(said[:, :, 0]))
    filled = np.where(readable[:, :, None], said, 0).astype(np.float64)
    return COMBINE[combine](filled, readable)


def macro_f1(labels: npt.NDArray[np.int64], winners: npt.NDArray[np.int64]) -> float:
    """Return the mean over the classes that occur of each one's F1."""
    classes = int(max(labels.max(), winners.max())) + 1
    true, said = np.bincount(labels, minlength=classes), np.bincount(winners, minlength=classes)
    both = np.bincount(labels[labels == winners], minlength=classes)
    there: Sequence[int] = np.flatnonzero(true).tolist()
    return float(np.mean([2 * both[k] / (true[k] + said[k]) for k in there]))
