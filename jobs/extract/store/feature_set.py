"""All shards of one manifest and one FeatureConfig, opened through their index."""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import numpy.typing as npt

from jobs.errors import DamagedFileError, NotReadyError
from jobs.extract.config import FeatureConfig
from jobs.extract.store.shard import (
    NO_ROW,
    TABLE,
    ShardColumns,
    ShardName,
    damaged,
    open_for_reading,
    read_columns,
    read_features,
)
from jobs.files import remove, write_bytes

INDEX = "index.h5"


@dataclass(frozen=True)
class FeatureSet:
    """Features of every readable clip, by position in the manifest.

    Attributes:
        folder: where shards and index lie.
        config: settings of the features.
        shard: int32 [clips], in which shard a clip lies.
        row: int64 [clips], its row in that shard, or -1 if the clip is in quarantine.
        shard_bytes: int64 [shards], each shard's size when it was indexed.
        reasons: why clips are in quarantine, by position.
        partial: positions of clips that are shorter than their header says.
    """

    folder: Path
    config: FeatureConfig
    shard: npt.NDArray[np.int32]
    row: npt.NDArray[np.int64]
    shard_bytes: npt.NDArray[np.int64]
    reasons: dict[int, str]
    partial: tuple[int, ...] = ()

    @classmethod
    def open(cls, folder: Path, config: FeatureConfig, clips: int) -> "FeatureSet":
        """Open the index, in milliseconds whatever the number of clips; features stay on disk.

        Raises:
            NotReadyError: there is no index of so many clips, or a shard is gone.
            DamagedFileError: the index cannot be read.
        """
        path = folder / INDEX
        if not path.exists():
            raise NotReadyError(f"no features of this data and these settings: {path} is missing")
        with open_for_reading(path) as file:
            try:
                opened = cls(
                    folder=folder,
                    config=config,
                    shard=file["shard"][:],
                    row=file["row"][:],
                    shard_bytes=file["shard_bytes"][:],
                    reasons={
                        int(position): reason.decode("utf-8")
                        for position, reason in zip(
                            file["bad_position"][:], file["bad_reason"][:], strict=True
                        )
                    },
                    partial=tuple(file["partial"][:].tolist()),
                )
            except (KeyError, OSError) as error:
                raise damaged(path, error) from error
        opened._require_shards(clips)
        return opened

    def save(self) -> None:
        """Write the index, from which `open` reads all of this again."""
        buffer = io.BytesIO()
        with h5py.File(buffer, "w") as file:
            arrays = {
                "shard": self.shard,
                "row": self.row,
                "shard_bytes": self.shard_bytes,
                "bad_position": np.array(list(self.reasons), dtype=np.int64),
                "partial": np.array(self.partial, dtype=np.int64),
            }
            for name, values in arrays.items():
                file.create_dataset(name, data=values, track_times=False)
            texts = np.array(list(self.reasons.values()), dtype=object)
            file.create_dataset("bad_reason", data=texts, dtype=h5py.string_dtype("utf-8"))
        write_bytes(self.folder / INDEX, buffer.getvalue())

    def __len__(self) -> int:
        return len(self.row)

    def _require_shards(self, clips: int) -> None:
        if len(self.row) != clips:
            raise NotReadyError(f"{self.folder / INDEX} has {len(self.row)} clips, not {clips}")
        # One listing, not a question for each shard: on network file systems each takes its time.
        there = {path.name for path in self.folder.iterdir()}
        for name in self.shard_names:
            if str(name) not in there:
                raise NotReadyError(f"{self.folder / str(name)} is missing")

    def require_sizes(self) -> None:
        """Compare each shard's size with what was indexed.

        Raises:
            NotReadyError: a shard has changed since.
        """
        for name, size in zip(self.shard_names, self.shard_bytes, strict=True):
            path = self.folder / str(name)
            if not path.exists() or path.stat().st_size != size:
                raise NotReadyError(f"{path} is missing or is not what was indexed")

    @property
    def shard_names(self) -> list[ShardName]:
        count = len(self.shard_bytes)
        return [ShardName(index, count) for index in range(count)]

    def readable(self, positions: Sequence[int]) -> list[int]:
        """Return those of `positions` whose clips have features, in the same order."""
        return [p for p in positions if self.row[p] != NO_ROW]

    def blocks(
        self, positions: Sequence[int]
    ) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]]:
        """Yield (offsets in `positions`, features of the clips there), one shard at a time.

        Whole shards are read, because single rows cost fifty times as much. Positions of clips
        without features are an error; filter with `readable` first.
        """
        wanted = np.asarray(positions, dtype=np.int64)
        shards = self.shard[wanted]
        for index in np.unique(shards):
            offsets = np.flatnonzero(shards == index)
            rows = self.row[wanted[offsets]]
            if (rows == NO_ROW).any():
                raise ValueError("a clip in quarantine has no features")
            yield offsets, self._features_of(index)[rows]

    def _features_of(self, index: int) -> npt.NDArray[np.float32]:
        try:
            return read_features(self.folder / str(self.shard_names[index]))
        except DamagedFileError as error:
            # Without its index a FeatureSet is verified again, and the shard extracted again.
            remove(self.folder / INDEX)
            raise DamagedFileError(f"{error}. Launch again: it is extracted again") from error

    def load(self, positions: Sequence[int]) -> npt.NDArray[np.float32]:
        """Return the features of `positions` in memory.

        Returns:
            float32 [len(positions), *shape of the config].

        Raises:
            DamagedFileError: a shard's checksum does not fit.
        """
        features = np.empty((len(positions), *self.config.shape), dtype=np.float32)
        for offsets, block in self.blocks(positions):
            features[offsets] = block
        return features

    def facts(self) -> npt.NDArray[np.void]:
        """Return what the shards say of each clip: a structured array of the type TABLE.

        A row a clip, by position: sha256, status, and the facts about the recording (zero where it
        was not decoded).
        """
        table = np.zeros(len(self), dtype=TABLE)
        for columns in self._columns():
            table[columns.position] = columns.table
        return table

    def band_levels(self) -> npt.NDArray[np.float32]:
        """Return mean and standard deviation over time of each clip's log-mel bands, in dB.

        Returns:
            float32 [clips, 2, bands], by position; NaN for clips without features.
        """
        found = [(columns.position, columns.band_levels) for columns in self._columns()]
        order = np.argsort(np.concatenate([position for position, _ in found]))
        return np.concatenate([levels for _, levels in found])[order]

    def _columns(self) -> Iterator[ShardColumns]:
        for name in self.shard_names:
            yield read_columns(self.folder / str(name))
