"""Soft vote: the class with the highest mean probability wins."""

import numpy as np
import numpy.typing as npt


def soft(
    probabilities: npt.NDArray[np.float64], readable: npt.NDArray[np.bool_]
) -> npt.NDArray[np.int64]:
    """Return the class with the highest probability, averaged over the voters that read the clip.

    A tie goes to the class that comes first.

    Args:
        probabilities: float64 [voters, clips, classes]; zeros where a voter could not read a clip.
        readable: bool [voters, clips]. The same voters count for every class of a clip, so that
            the sum decides as the mean would.

    Returns:
        int64 [clips], class indices; meaningless where nobody could read a clip.
    """
    return np.asarray(probabilities.sum(axis=0).argmax(axis=1), dtype=np.int64)
