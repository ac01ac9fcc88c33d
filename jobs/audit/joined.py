"""The FeatureSets of labelled and test clips as one: a recording may lie on both sides."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from jobs.data.dataset import Dataset
from jobs.data.manifest import Clip
from jobs.extract.config import FeatureConfig
from jobs.extract.store.feature_set import FeatureSet


@dataclass(frozen=True)
class JoinedFeatures:
    """Clips of both sides in one order, the labelled ones first; positions count through.

    Attributes:
        root: the data folder.
        clips: of all sides.
        sides: the side of each, labelled or test.
        sets: the FeatureSets in that order; they have one config.
    """

    root: Path
    clips: tuple[Clip, ...]
    sides: tuple[str, ...]
    sets: tuple[FeatureSet, ...]

    @classmethod
    def of(cls, dataset: Dataset, sets: Mapping[str, FeatureSet]) -> "JoinedFeatures":
        """Join the sets of the sides that hold clips, by the name of the side."""
        manifests = dataset.sides
        clips = tuple(clip for manifest in manifests.values() for clip in manifest.clips)
        sides = tuple(side for side, manifest in manifests.items() for _ in manifest.clips)
        return cls(dataset.root, clips, sides, tuple(sets[side] for side in manifests))

    def __len__(self) -> int:
        return len(self.clips)

    @property
    def config(self) -> FeatureConfig:
        return self.sets[0].config

    def file_of(self, position: int) -> Path:
        """Return where the recording of a clip lies."""
        return self.root / self.clips[position].path

    def readable(self, positions: Sequence[int]) -> list[int]:
        """Return those of `positions` whose clips have features, in the same order."""
        row = np.concatenate([features.row for features in self.sets])
        return [p for p in positions if row[p] >= 0]

    def blocks(
        self, positions: Sequence[int]
    ) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]]:
        """Yield (offsets in `positions`, features of the clips there), one shard at a time.

        Sets come in their order, and shards in theirs: of ascending positions each shard is read
        once, and the blocks come in order.
        """
        wanted = np.asarray(positions, dtype=np.int64)
        for start, features in zip(self._starts, self.sets, strict=True):
            inside = np.flatnonzero((wanted >= start) & (wanted < start + len(features)))
            for offsets, block in features.blocks((wanted[inside] - start).tolist()):
                yield inside[offsets], block

    def load(self, positions: Sequence[int]) -> npt.NDArray[np.float32]:
        """Return the features of `positions`, float32 [len(positions), *shape of the config]."""
        loaded = np.empty((len(positions), *self.config.shape), dtype=np.float32)
        for offsets, block in self.blocks(positions):
            loaded[offsets] = block
        return loaded

    def facts(self) -> npt.NDArray[np.void]:
        """Return what is known of each clip, as `FeatureSet.facts`."""
        return np.concatenate([features.facts() for features in self.sets])

    @property
    def reasons(self) -> dict[int, str]:
        """Why clips are in quarantine, by position."""
        return {
            start + position: reason
            for start, features in zip(self._starts, self.sets, strict=True)
            for position, reason in features.reasons.items()
        }

    @property
    def _starts(self) -> list[int]:
        return [sum(len(each) for each in self.sets[:n]) for n in range(len(self.sets))]
