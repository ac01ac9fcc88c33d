"""Features as a network sees them: each clip with mean 0 and deviation 1.

Features rest as they were extracted, and each clip's two numbers beside them: what needs the scale
of the recording (decibels) then still finds it, and normalising a batch is one subtraction and one
division, which round alike in numpy, in torch and on a GPU.
"""

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from torch import Tensor

NORMALISATION = "per clip: minus mean, over standard deviation"
EPSILON = 1e-8

Floats = npt.NDArray[np.float32]


def mean_and_deviation(features: Floats) -> tuple[Floats, Floats]:
    """Return each clip's mean and standard deviation, float32 [clips] each.

    Where the deviation is 0 (a silent clip) epsilon stands in for it, which gives zeros.

    Args:
        features: float32 [clips, ...], as they were extracted; untouched.
    """
    mean = np.empty(len(features), dtype=np.float32)
    deviation = np.empty(len(features), dtype=np.float32)
    for row, clip in enumerate(features):  # one by one: no float64 copy of everything
        mean[row] = clip.mean(dtype=np.float64)
        # Of the centred clip as float32 holds it, so that its deviation is 1 to the last digit.
        found = np.sqrt(np.square(clip - mean[row], dtype=np.float64).mean())
        deviation[row] = found if found > 0 else EPSILON
    return mean, deviation


def normalised(x: "Tensor", mean: "Tensor", deviation: "Tensor") -> "Tensor":
    """Return a batch with mean 0 and deviation 1.

    Args:
        x: float32 [batch, 1, bands, frames], as extracted.
        mean, deviation: float32 [batch], of its clips; see `mean_and_deviation`.
    """
    return (x - mean[:, None, None, None]) / deviation[:, None, None, None]


def normalised_anew(x: "Tensor") -> "Tensor":
    """Normalise a batch by its own numbers: for clips that were changed on their raw scale."""
    exact = x.double()
    mean = exact.mean(dim=(1, 2, 3), keepdim=True).float()
    centred = x - mean
    deviation = centred.double().square().mean(dim=(1, 2, 3), keepdim=True).sqrt().float()
    return centred / deviation.where(deviation > 0, EPSILON)


def as_image(features: Floats) -> Floats:
    """Return features [clips, ...] as [clips, 1, bands, frames]; those of v3 have one frame."""
    bands, *frames = features.shape[1:]
    return features.reshape(len(features), 1, bands, *(frames or [1]))
