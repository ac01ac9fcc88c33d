"""Features as a network sees them: each clip with mean 0 and deviation 1, in one channel."""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

NORMALISATION = "per clip: minus mean, over standard deviation"
EPSILON = 1e-8


def normalise(features: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Subtract each clip's mean and divide by its standard deviation, in place.

    Where the deviation is 0 (a silent clip) epsilon stands in for it, which gives zeros.

    Args:
        features: float32 [clips, bands, frames], or [clips, bands] of v3.

    Returns:
        The same array.
    """
    for clip in features:  # one at a time: float64 sums without a float64 copy of everything
        clip -= clip.mean(dtype=np.float64).astype(np.float32)
        deviation = np.sqrt(np.square(clip, dtype=np.float64).mean())
        clip /= np.float32(deviation if deviation > 0 else EPSILON)
    return features


def to_tensor(features: npt.NDArray[np.float32]) -> Tensor:
    """Return normalised features as float32 [clips, 1, bands, frames]; those of v3 have 1 frame."""
    tensor = torch.from_numpy(normalise(features))
    bands, *frames = tensor.shape[1:]
    return tensor.reshape(len(tensor), 1, bands, *(frames or [1]))
