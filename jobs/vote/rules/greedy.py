"""Choose by greedy selection with replacement, bagged.

Caruana, Niculescu-Mizil, Crew, Ksikes: Ensemble Selection from Libraries of Models (ICML 2004).
Deviation: of candidates whose accuracy would be equal, the paper takes any; here the one is taken
that gives the true classes more probability, and then the better ranked one.
"""

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from jobs.vote.ranking import Ranking
    from jobs.vote.rules import VoteRules

MOST_CANDIDATES = 50
MOST_PICKS = 25
BAGS = 5
# The ensemble of a bag starts from its best few, which the paper found to overfit less.
START = 3

Floats = npt.NDArray[np.float32]
Reals = npt.NDArray[np.float64]


def greedy(ranking: "Ranking", rules: "VoteRules") -> list[int]:
    """Return the picks of all bags together; who is picked twice votes twice.

    Each bag is a random half of the 50 best candidates. It starts from its best three and picks
    up to 25 in all, each time the candidate with which the mean of all is right most often; the
    picks up to the best accuracy stay. Of fewer than six candidates it starts from the best
    half: otherwise one that spoils the vote could not be left out.
    """
    count = min(MOST_CANDIDATES, len(ranking.runs))
    bags = np.stack([_bag(count, number) for number in range(BAGS)])
    start = min(START, max(1, count // 2))
    return sorted(_picks(_Library.of(ranking, count), bags, start))


@functools.lru_cache(maxsize=64)
def _bag(candidates: int, number: int) -> npt.NDArray[np.int64]:
    """Return the members of a bag, best first; the same for the same number of candidates."""
    size = min(candidates, max(START, (candidates + 1) // 2))
    drawn = np.random.default_rng([candidates, number]).choice(candidates, size, replace=False)
    return np.sort(drawn).astype(np.int64)


@dataclass(frozen=True)
class _Library:
    """What candidates say, laid out so that a pick is a few passes over whole arrays.

    Attributes:
        own: float32 [candidates, clips], the probability of the true class.
        others: float32 [classes, candidates, clips], that of every other class, and minus infinity
            for the true one. Zeros where a candidate could not read a clip: it adds nothing then.
        weights: float64 [clips].
    """

    own: Floats
    others: Floats
    weights: Reals

    @classmethod
    def of(cls, ranking: "Ranking", count: int) -> "_Library":
        counted = np.flatnonzero(ranking.weights)  # a bootstrap draw leaves a third out
        said = np.nan_to_num(ranking.first(count)[:, counted], nan=0.0)
        others = np.ascontiguousarray(said.transpose(2, 0, 1))
        labels = ranking.labels[counted]
        everyone = np.arange(len(counted))
        own = others[labels, :, everyone].T.copy()
        others[labels, :, everyone] = -np.inf
        return cls(own, others, ranking.weights[counted])


def _picks(library: _Library, bags: npt.NDArray[np.int64], start: int) -> list[int]:
    """Return the candidates that the bags pick, all bags in step.

    Args:
        library: what candidates say.
        bags: int64 [bags, members].
        start: how many of the best of a bag are picked before anything is compared.
    """
    own, others = library.own[bags], library.others[:, bags]  # [bags, members, clips]
    every = np.arange(len(bags))
    picks = np.zeros((len(bags), MOST_PICKS), dtype=np.int64)
    picks[:, :start] = np.arange(start)
    own_sum, others_sum = own[:, :start].sum(axis=1), others[:, :, :start].sum(axis=2)
    best = _right(own_sum, others_sum, library.weights)
    kept = np.full(len(bags), start)
    for number in range(start, MOST_PICKS):
        with_each = own_sum[:, None] + own
        right = _right(with_each, others_sum[:, :, None] + others, library.weights)
        sure = with_each @ library.weights
        # The last key sorts first, and of equals the better ranked comes first.
        pick = np.lexsort((-sure, -right), axis=1)[:, 0]
        picks[:, number] = pick
        own_sum, others_sum = with_each[every, pick], others_sum + others[:, every, pick]
        is_better = right[every, pick] > best
        best = np.where(is_better, right[every, pick], best)
        kept = np.where(is_better, number + 1, kept)
    chosen = np.take_along_axis(bags, picks, axis=1)
    return [int(each) for row, n in zip(chosen, kept, strict=True) for each in row[:n]]


def _right(own: Floats, others: Floats, weights: Reals) -> Reals:
    """Return how many clips, each by its weight, get their true class from each sum.

    Args:
        own: float32 [..., clips].
        others: float32 [classes, ..., clips].
        weights: float64 [clips].
    """
    return np.asarray((own > others.max(axis=0)) @ weights)
