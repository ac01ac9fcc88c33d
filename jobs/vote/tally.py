"""The outcome of a vote over some clips: the winners, and who voted for what."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from jobs.vote.rules import COMBINE

NOBODY = -1


@dataclass(frozen=True)
class Tally:
    """A vote that has been counted.

    Attributes:
        winners: int64 [clips], class indices; -1 where nobody voted.
        votes: int64 [voters, clips], each voter's class index; -1 where it could not read the clip.
        agreement: float64 [clips], the winner's share of the votes cast; 0 where nobody voted.
        mean: float64 [clips, classes], the voters' mean probability; NaN where nobody voted.
    """

    winners: npt.NDArray[np.int64]
    votes: npt.NDArray[np.int64]
    agreement: npt.NDArray[np.float64]
    mean: npt.NDArray[np.float64]


def mean_of_folds(predictions: Sequence[npt.NDArray[np.float32]]) -> npt.NDArray[np.float32]:
    """Return what a voter says: of one model its very bits, of one a fold their mean.

    Args:
        predictions: float32 [clips, classes] of each model.
    """
    if len(predictions) == 1:
        return predictions[0]
    mean = np.stack(predictions).mean(axis=0, dtype=np.float64)
    return mean.astype(np.float32)


def count_votes(probabilities: npt.NDArray[np.float32], combine: str) -> Tally:
    """Combine what several voters say.

    Args:
        probabilities: float32 [voters, clips, classes]; NaN where a voter could not read a clip,
            which then does not vote on it.
        combine: the name of a rule, see `jobs.vote.rules`.
    """
    # A voter that could not read a clip has NaN there: zeros in sums, and no vote.
    readable = np.asarray(np.isfinite(probabilities).all(axis=2))  # [voters, clips]
    filled = np.where(readable[:, :, None], probabilities, 0).astype(np.float64)
    cast = readable.sum(axis=0)  # [clips]
    winners = np.where(cast > 0, COMBINE[combine](filled, readable), NOBODY)
    votes = np.where(readable, filled.argmax(axis=2), NOBODY)
    agreeing = ((votes == winners) & readable).sum(axis=0)
    agreement = np.where(cast > 0, agreeing / np.maximum(cast, 1), 0.0)
    mean = np.where(cast[:, None] > 0, filled.sum(axis=0) / np.maximum(cast, 1)[:, None], np.nan)
    return Tally(winners.astype(np.int64), votes.astype(np.int64), agreement, mean)
