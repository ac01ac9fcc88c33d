"""Hard vote: each voter votes for its most probable class, and most votes win."""

import numpy as np
import numpy.typing as npt


def hard(
    probabilities: npt.NDArray[np.float64], readable: npt.NDArray[np.bool_]
) -> npt.NDArray[np.int64]:
    """Return the class with most votes.

    A tie goes to that one of the tied classes which has the higher probability summed over all
    voters; one that remains, to the class that comes first.

    Args:
        probabilities: float64 [voters, clips, classes]; zeros where a voter could not read a clip.
        readable: bool [voters, clips].

    Returns:
        int64 [clips], class indices; meaningless where nobody could read a clip.
    """
    classes = probabilities.shape[2]
    votes = np.where(readable, probabilities.argmax(axis=2), -1)
    counts = (votes[:, :, None] == np.arange(classes)).sum(axis=0)  # [clips, classes]
    most = counts.max(axis=1, initial=0)
    tied = np.where(counts == most[:, None], probabilities.sum(axis=0), -1.0)
    return np.asarray(tied.argmax(axis=1), dtype=np.int64)
