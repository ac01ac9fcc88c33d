"""One HDF5 file with the features of some clips. Under its final name it is complete."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np
import numpy.typing as npt

from jobs.errors import DamagedFileError
from jobs.extract.config import FeatureConfig
from jobs.extract.deferred_errors import DeferredErrors
from jobs.files import replacing

FORMAT = 1
OK, QUARANTINED = "ok", "quarantined"
NO_ROW = -1


@dataclass(frozen=True)
class ShardName:
    """Shard `index` of `count`. Which clips it holds follows from these two numbers."""

    index: int
    count: int

    def __str__(self) -> str:
        return f"shard-{self.index:05d}-of-{self.count:05d}.h5"

    def positions(self, clips: int) -> range:
        """Return the positions in the manifest of its clips: a contiguous, near-equal share."""
        return range(self.index * clips // self.count, (self.index + 1) * clips // self.count)


@dataclass(frozen=True, slots=True)
class ClipResult:
    """What extraction found out about one clip: features, or the reason why there are none."""

    position: int
    id: str
    sha256: str
    features: npt.NDArray[np.float32] | None
    reason: str = ""


@dataclass
class ShardWriter:
    """Writes results one by one, so that memory does not grow with the number of clips.

    A clip without features takes no row: nothing stands in for it.
    """

    file: h5py.File
    shape: tuple[int, int]
    capacity: int
    _positions: list[int] = field(default_factory=list)
    _ids: list[str] = field(default_factory=list)
    _hashes: list[str] = field(default_factory=list)
    _rows: list[int] = field(default_factory=list)
    _reasons: list[str] = field(default_factory=list)
    _used: int = 0

    def __post_init__(self) -> None:
        # fletcher32: a flipped bit on disk is an error when read, not a wrong feature.
        self._features = self.file.create_dataset(
            "features",
            shape=(self.capacity, *self.shape),
            maxshape=(self.capacity, *self.shape),
            dtype=np.float32,
            chunks=(1, *self.shape) if self.capacity else None,
            fletcher32=bool(self.capacity),
            track_times=False,
        )

    def add(self, result: ClipResult) -> None:
        row = NO_ROW
        if result.features is not None:
            row = self._used
            self._features[row] = result.features
            self._used += 1
        self._positions.append(result.position)
        self._ids.append(result.id)
        self._hashes.append(result.sha256)
        self._rows.append(row)
        self._reasons.append(result.reason)

    def close(self) -> None:
        """Write the columns beside the features; only now is the file a shard."""
        self._features.resize(self._used, axis=0)
        text = h5py.string_dtype("utf-8")
        columns: dict[str, npt.NDArray[np.generic]] = {
            "position": np.array(self._positions, dtype=np.int64),
            "row": np.array(self._rows, dtype=np.int64),
            "sha256": np.array(self._hashes, dtype="S64"),
            "status": np.array([QUARANTINED if r == NO_ROW else OK for r in self._rows], "S16"),
        }
        for name, values in columns.items():
            self.file.create_dataset(name, data=values, track_times=False)
        for name, values_ in {"clip_id": self._ids, "reason": self._reasons}.items():
            data = np.array(values_, dtype=object)
            self.file.create_dataset(name, data=data, dtype=text, track_times=False)


def write_shard(
    folder: Path, name: ShardName, config: FeatureConfig, clips: int, results: Iterator[ClipResult]
) -> Path:
    """Write one shard; the same results give the same bytes, whoever writes them and when.

    Args:
        folder: the FeatureSet's folder.
        name: which shard of how many.
        config: written into the file, with its fingerprint.
        clips: how many results there will be.
        results: in manifest order.

    Returns:
        The path of the complete shard.
    """
    path = folder / str(name)
    with replacing(path) as temporary, contextlib.closing(DeferredErrors(temporary)) as sink:
        with h5py.File(sink, "w", libver="v110") as file:
            file.attrs["format"] = FORMAT
            file.attrs["config"] = config.model_dump_json()
            file.attrs["feature_fingerprint"] = config.fingerprint()
            writer = ShardWriter(file, config.shape, clips)
            for result in results:
                writer.add(result)
                sink.check()
            writer.close()
        sink.check()
    return path


@dataclass(frozen=True)
class ShardColumns:
    """Everything in a shard but the features."""

    feature_fingerprint: str
    position: npt.NDArray[np.int64]
    row: npt.NDArray[np.int64]
    clip_id: list[str]
    sha256: list[str]
    reason: list[str]


def open_for_reading(path: Path) -> h5py.File:
    """Open without locks: complete files never change, and network file systems break locks."""
    try:
        return h5py.File(path, "r", locking=False)
    except OSError as error:
        if error.errno is not None:  # the system's doing (no such file, no access), not the file's
            raise
        raise DamagedFileError(f"{path} is damaged: {error}") from error


def read_columns(path: Path) -> ShardColumns:
    """Read what a shard says about its clips.

    Raises:
        DamagedFileError: the file is truncated, or not a shard of this format.
    """
    with open_for_reading(path) as file:
        try:
            if file.attrs["format"] != FORMAT:
                raise DamagedFileError(f"{path} has format {file.attrs['format']}, not {FORMAT}")
            return ShardColumns(
                feature_fingerprint=str(file.attrs["feature_fingerprint"]),
                position=file["position"][:],
                row=file["row"][:],
                clip_id=[text.decode("utf-8") for text in file["clip_id"][:]],
                sha256=[text.decode("ascii") for text in file["sha256"][:]],
                reason=[text.decode("utf-8") for text in file["reason"][:]],
            )
        except (KeyError, OSError) as error:
            raise DamagedFileError(f"{path} is damaged: {error}") from error


def read_features(path: Path) -> npt.NDArray[np.float32]:
    """Read all rows of a shard, checksums verified.

    Returns:
        float32 [clips that have features, bands, frames].

    Raises:
        DamagedFileError: a chunk is missing or its checksum does not fit.
    """
    with open_for_reading(path) as file:
        try:
            features: npt.NDArray[np.float32] = file["features"][:]
        except (KeyError, OSError) as error:
            raise DamagedFileError(f"{path} is damaged: {error}") from error
    return features
