"""The majority vote of several checkpoints."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Decision:
    """The outcome of a vote over some clips.

    Attributes:
        winners: int64 [clips], class indices; -1 where nobody voted.
        votes: int64 [voters, clips], each voter's class index; -1 where it could not read the clip.
        agreement: float64 [clips], the winner's share of the votes cast; 0 where nobody voted.
    """

    winners: npt.NDArray[np.int64]
    votes: npt.NDArray[np.int64]
    agreement: npt.NDArray[np.float64]


def majority_vote(probabilities: npt.NDArray[np.float32]) -> Decision:
    """Let each voter vote for its most probable class; most votes win.

    A tie goes to the class with the higher probability summed over all voters, and one that
    remains to the class that comes first.

    Args:
        probabilities: float32 [voters, clips, classes]; NaN where a voter could not read a clip,
            who then does not vote on it.

    Returns:
        The winners and who voted for what.
    """
    classes = probabilities.shape[2]
    readable = np.asarray(np.isfinite(probabilities).all(axis=2))  # [voters, clips]
    filled = np.where(readable[:, :, None], probabilities, 0).astype(np.float64)
    votes = np.where(readable, filled.argmax(axis=2), -1)
    counts = (votes[:, :, None] == np.arange(classes)).sum(axis=0)  # [clips, classes]
    most = counts.max(axis=1, initial=0)
    # Summed probability decides among the classes with most votes, and only among them.
    contested = np.where(counts == most[:, None], filled.sum(axis=0), -1.0)
    cast = readable.sum(axis=0)  # [clips]
    winners = np.where(cast > 0, contested.argmax(axis=1), -1)
    agreement = np.where(cast > 0, most / np.maximum(cast, 1), 0.0)
    return Decision(winners.astype(np.int64), votes.astype(np.int64), agreement)
