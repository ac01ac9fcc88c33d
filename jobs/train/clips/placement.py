"""Where features rest while a run reads them: all on the device, or a window of them at a time."""

import math
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from jobs.extract.feature_set import FeatureSet
from jobs.train.clips.normalise import to_tensor

Indices = npt.NDArray[np.int64]
# Of a window that is filled while another is read, each takes half.
WINDOWS = 2


class Placed(Protocol):
    """Features of some clips, normalised, wherever they rest."""

    def __len__(self) -> int: ...

    def batches(self, order: Indices, sizes: Sequence[int]) -> Iterator[Tensor]:
        """Yield float32 [size, 1, bands, frames] on the device for each of `sizes`, in `order`."""
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

    def bytes_of(self, features: FeatureSet, clips: int) -> int:
        """Return what the features of so many clips take."""
        return clips * math.prod(features.config.shape) * self.dtype.itemsize

    def fits(self, features: FeatureSet, clips: int) -> bool:
        return self.bytes_of(features, clips) <= self.budget

    def place(self, features: FeatureSet, positions: Sequence[int], resident: bool) -> Placed:
        """Load clips that have features, or prepare to stream them; the batches are the same."""
        if resident:
            return Resident(self.load(features, positions, self.device))
        return Streamed(features, np.asarray(positions, dtype=np.int64), self)

    def load(self, features: FeatureSet, positions: Sequence[int], device: str) -> Tensor:
        """Return normalised features [clips, 1, bands, frames] on a device.

        Shard by shard: beside the result, no more than one shard is in memory.
        """
        shape = (len(positions), 1, *features.config.input_shape)
        loaded = torch.empty(shape, dtype=self.dtype, device=device)
        for places, block in features.blocks(positions):
            on_device = torch.from_numpy(places).to(device)
            loaded[on_device] = to_tensor(block).to(device, self.dtype)
        return loaded


@dataclass(frozen=True)
class Resident:
    """All features on the device: float32 or float16 [clips, 1, bands, frames]."""

    features: Tensor

    def __len__(self) -> int:
        return len(self.features)

    def batches(self, order: Indices, sizes: Sequence[int]) -> Iterator[Tensor]:
        on_device = torch.from_numpy(order).to(self.features.device)
        for indices in on_device.split(list(sizes)):
            yield self.features[indices].float()


@dataclass(frozen=True)
class Streamed:
    """Features that are read again each epoch, shard by shard, a window of the order at a time.

    Two windows share the host memory that is allowed: one is handed out in batches while the next
    is read in the background. As the order is random, a window reads nearly every shard, whole:
    an epoch reads all features about as often as there are windows.
    """

    features: FeatureSet
    positions: Indices
    storage: Storage

    def __len__(self) -> int:
        return len(self.positions)

    def batches(self, order: Indices, sizes: Sequence[int]) -> Iterator[Tensor]:
        windows = self._windows(sizes)
        ends = np.cumsum([sum(window) for window in windows])
        parts = np.split(order, ends[:-1])
        with ThreadPoolExecutor(1) as reader:
            coming: list[Future[Tensor]] = [reader.submit(self._read, parts[0])]
            for number, window in enumerate(windows, start=1):
                features = coming.pop().result()
                if number < len(parts):
                    coming.append(reader.submit(self._read, parts[number]))
                for batch in features.split(window):
                    # A copy, made by this thread alone: a view would keep its window in memory,
                    # and while CUDA records a graph no other thread may take device memory.
                    yield batch.to(self.storage.device, torch.float32, copy=True)
                del features, batch

    def _windows(self, sizes: Sequence[int]) -> list[list[int]]:
        """Return the batches of each window, at least one."""
        most = self.storage.window // WINDOWS // self.storage.bytes_of(self.features, 1)
        windows: list[list[int]] = [[]]
        for size in sizes:
            if windows[-1] and sum(windows[-1]) + size > most:
                windows.append([])
            windows[-1].append(size)
        return windows

    def _read(self, window: Indices) -> Tensor:
        return self.storage.load(self.features, self.positions[window].tolist(), "cpu")
