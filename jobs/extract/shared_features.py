"""Memory that a worker and its asker share, so that features need no pickling."""

import mmap
import os
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from jobs.extract.answer import Answer, Floats
from jobs.extract.config import FeatureConfig

# One batch is worked on while the one before is read.
BATCHES = 2
CLIPS_AT_ONCE = 8
EMPTY = np.empty(0, dtype=np.float32)
# The first bytes tell what the worker does; features begin behind a cache line of their own.
PHASE_BYTES = 64


class SharedFeatures:
    """A row of places for the features of clips, reused from batch to batch.

    Attributes:
        phase: its first byte is set by the worker and read by its asker.
    """

    def __init__(self, descriptor: int, configs: Sequence[FeatureConfig]) -> None:
        self.phase = mmap.mmap(descriptor, 0)
        self._shapes = [config.shape for config in configs]
        self._sizes = [config.bytes_per_clip // 4 for config in configs]
        # A copy of the map, so that no array keeps `phase` from being closed.
        self._floats: Floats = np.frombuffer(
            mmap.mmap(descriptor, 0), np.float32, offset=PHASE_BYTES
        )

    @classmethod
    def create(cls, configs: Sequence[FeatureConfig]) -> int:
        """Return the descriptor of new memory, which lives as long as someone has it open."""
        descriptor = os.memfd_create("features")
        clip = sum(config.bytes_per_clip for config in configs)
        os.ftruncate(descriptor, PHASE_BYTES + BATCHES * CLIPS_AT_ONCE * clip)
        return descriptor

    def close(self) -> None:
        """Give the memory back; `phase` and the places are gone."""
        self.phase.close()
        self._floats = EMPTY

    def put(self, number: int, answer: Answer) -> Answer:
        """Store the features of the worker's clip `number`; return the answer with stand-ins."""
        places = zip(self._places(number), answer.features, strict=True)
        stored = []
        for place, features in places:
            if features is not None:
                place[...] = features
            stored.append(None if features is None else EMPTY)
        return replace(answer, features=tuple(stored))

    def take(self, number: int, answer: Answer) -> Answer:
        """Return the answer with copies of its features in place of the stand-ins."""
        places = zip(self._places(number), answer.features, strict=True)
        features = tuple(None if was is None else place.copy() for place, was in places)
        return replace(answer, features=features)

    def _places(self, number: int) -> list[Floats]:
        start = number % (BATCHES * CLIPS_AT_ONCE) * sum(self._sizes)
        places = []
        for shape, size in zip(self._shapes, self._sizes, strict=True):
            places.append(self._floats[start : start + size].reshape(shape))
            start += size
        return places
