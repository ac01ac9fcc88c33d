"""What a rule chooses from: candidates, best first, and what they say of the validation clips."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.int64]
Weights = npt.NDArray[np.float64]
Probabilities = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Ranking:
    """Candidates as arrays, so that a rule can be tried on other draws of the clips too.

    Attributes:
        runs: int64 [candidates], which run each is of; best candidate first.
        labels: int64 [clips], of the validation clips.
        weights: float64 [clips], how often each clip counts: once, but in a bootstrap draw.
        first: returns float32 [n, clips, classes] for n: what the n best candidates say; NaN where
            one could not read a clip. Only rules that look at predictions call it.
    """

    runs: Numbers
    labels: Numbers
    weights: Weights
    first: Callable[[int], Probabilities]
