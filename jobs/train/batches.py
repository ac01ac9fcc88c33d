"""Clips as tensors, and the order in which an epoch visits them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from jobs.data.manifest import Manifest
from jobs.extract.feature_set import FeatureSet

EPSILON = 1e-8


@dataclass(frozen=True)
class LabelledClips:
    """Normalised features and class indices of some labelled clips.

    Attributes:
        positions: which clips of the manifest.
        features: float32 [clips, 1, bands, frames].
        labels: int64 [clips].
    """

    positions: tuple[int, ...]
    features: Tensor
    labels: Tensor

    @classmethod
    def load(
        cls, features: FeatureSet, manifest: Manifest, positions: Sequence[int], device: str
    ) -> "LabelledClips":
        """Load those of `positions` that have features; clips in quarantine drop out."""
        readable = features.readable(positions)
        return cls(
            positions=tuple(readable),
            features=to_tensor(features.load(readable), device),
            labels=torch.tensor(manifest.labels(readable), dtype=torch.int64, device=device),
        )

    def __len__(self) -> int:
        return len(self.positions)


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


def to_tensor(features: npt.NDArray[np.float32], device: str) -> Tensor:
    """Return normalised features as float32 [clips, 1, bands, frames]; those of v3 have 1 frame."""
    tensor = torch.from_numpy(normalise(features))
    bands, *frames = tensor.shape[1:]
    return tensor.reshape(len(tensor), 1, bands, *(frames or [1])).to(device)


def epoch_order(clips: int, seed: int, epoch: int) -> npt.NDArray[np.int64]:
    """Return the order of an epoch, a pure function of (clips, seed, epoch)."""
    return np.random.default_rng([seed, epoch]).permutation(clips)


def epoch_seed(seed: int, epoch: int) -> int:
    """Return the seed of whatever is random inside an epoch, so that a resume draws the same."""
    return int(np.random.SeedSequence([seed, epoch]).generate_state(1, np.uint64)[0] >> 1)


def training_batches(
    clips: LabelledClips, batch_size: int, seed: int, epoch: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield (features, labels) batches; the last one may be smaller."""
    order = torch.from_numpy(epoch_order(len(clips), seed, epoch)).to(clips.labels.device)
    for indices in order.split(batch_size):
        yield clips.features[indices], clips.labels[indices]
