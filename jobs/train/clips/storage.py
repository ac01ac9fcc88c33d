"""Where features rest while a run reads them: all on the device, or a window of them at a time.

They rest as they were extracted, each clip's mean and deviation beside it.
"""

import math
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from jobs.models.normalise import as_image, mean_and_deviation, normalised

if TYPE_CHECKING:
    from jobs.extract.store.feature_set import FeatureSet

Indices = npt.NDArray[np.int64]
# Of a window that is filled while another is read, each takes half.
WINDOWS = 2


@dataclass(frozen=True)
class RawClips:
    """Features of some clips as they were extracted, and what normalises them.

    Attributes:
        features: float32 or, at rest, float16 [clips, 1, bands, frames].
        mean, deviation: float32 [clips].
    """

    features: Tensor
    mean: Tensor
    deviation: Tensor

    def __len__(self) -> int:
        return len(self.features)

    def at(self, indices: Tensor) -> "RawClips":
        """Return some of the clips, in float32."""
        return RawClips(self.features[indices].float(), self.mean[indices], self.deviation[indices])

    def split(self, sizes: list[int]) -> Iterator["RawClips"]:
        """Yield the clips in batches, without copying anything."""
        parts = (each.split(sizes) for each in (self.features, self.mean, self.deviation))
        return (RawClips(*batch) for batch in zip(*parts, strict=True))

    def copied_to(self, device: str) -> "RawClips":
        return RawClips(
            self.features.to(device, torch.float32, copy=True),
            self.mean.to(device, copy=True),
            self.deviation.to(device, copy=True),
        )

    def normalised(self) -> Tensor:
        """Return float32 [clips, 1, bands, frames] with mean 0 and deviation 1."""
        return normalised(self.features, self.mean, self.deviation)


class FeatureSource(Protocol):
    """Features of some clips, wherever they rest."""

    def __len__(self) -> int: ...

    def batches(self, order: Indices, sizes: Sequence[int]) -> Iterator[RawClips]:
        """Yield float32 batches of these `sizes` on the device, in `order`."""
        ...


@dataclass(frozen=True)
class Storage:
    """What features may take.

    Attributes:
        device: where batches go, and all features that rest.
        dtype: the type in which they rest.
        budget: bytes on the device.
        window: bytes of host memory for what is streamed.
    """

    device: str
    dtype: torch.dtype
    budget: int
    window: int

    def bytes_of(self, features: "FeatureSet", clips: int) -> int:
        """Return what the features of so many clips take."""
        return clips * math.prod(features.config.shape) * self.dtype.itemsize

    def fits(self, features: "FeatureSet", clips: int) -> bool:
        return self.bytes_of(features, clips) <= self.budget

    def open(
        self, features: "FeatureSet", positions: Sequence[int], resident: bool
    ) -> FeatureSource:
        """Load clips that have features, or prepare to stream them; the batches are the same."""
        if resident:
            return Resident(self.load(features, positions, self.device))
        return Streamed(features, np.asarray(positions, dtype=np.int64), self)

    def load(self, features: "FeatureSet", positions: Sequence[int], device: str) -> RawClips:
        """Return clips on a device.

        Shard by shard: beside the result, no more than one shard is in memory.
        """
        clips, shape = len(positions), features.config.input_shape
        loaded = RawClips(
            torch.empty((clips, 1, *shape), dtype=self.dtype, device=device),
            torch.empty(clips, device=device),
            torch.empty(clips, device=device),
        )
        for offsets, block in features.blocks(positions):
            on_device = torch.from_numpy(offsets).to(device)
            mean, deviation = mean_and_deviation(block)
            image = torch.from_numpy(as_image(block)).to(device, self.dtype)
            loaded.features[on_device] = image
            loaded.mean[on_device] = torch.from_numpy(mean).to(device)
            loaded.deviation[on_device] = torch.from_numpy(deviation).to(device)
        return loaded


@dataclass(frozen=True)
class Resident:
    """All features on the device."""

    clips: RawClips

    def __len__(self) -> int:
        return len(self.clips)

    def batches(self, order: Indices, sizes: Sequence[int]) -> Iterator[RawClips]:
        on_device = torch.from_numpy(order).to(self.clips.features.device)
        return (self.clips.at(indices) for indices in on_device.split(list(sizes)))


@dataclass(frozen=True)
class Streamed:
    """Features that are read again each epoch, shard by shard, a window of the order at a time.

    Two windows share the host memory that is allowed: one is handed out in batches while the next
    is read in the background. As the order is random, a window reads nearly every shard, whole:
    an epoch reads all features about as often as there are windows.
    """

    features: "FeatureSet"
    positions: Indices
    storage: Storage

    def __len__(self) -> int:
        return len(self.positions)

    def batches(self, order: Indices, sizes: Sequence[int]) -> Iterator[RawClips]:
        windows = self._windows(sizes)
        ends = np.cumsum([sum(window) for window in windows])
        parts = np.split(order, ends[:-1])
        with ThreadPoolExecutor(1) as reader:
            coming: list[Future[RawClips]] = [reader.submit(self._read, parts[0])]
            for number, window in enumerate(windows, start=1):
                clips = coming.pop().result()
                if number < len(parts):
                    coming.append(reader.submit(self._read, parts[number]))
                for batch in clips.split(window):
                    # A copy, made by this thread alone: a view would keep its window in memory,
                    # and while CUDA records a graph no other thread may take device memory.
                    yield batch.copied_to(self.storage.device)
                del clips, batch

    def _windows(self, sizes: Sequence[int]) -> list[list[int]]:
        """Return the batches of each window, at least one."""
        most = self.storage.window // WINDOWS // self.storage.bytes_of(self.features, 1)
        windows: list[list[int]] = [[]]
        for size in sizes:
            if windows[-1] and sum(windows[-1]) + size > most:
                windows.append([])
            windows[-1].append(size)
        return windows

    def _read(self, window: Indices) -> RawClips:
        return self.storage.load(self.features, self.positions[window].tolist(), "cpu")
