"""One HDF5 file with the features of some clips. Under its final name it is complete."""

import logging
import os
import re
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import numpy.typing as npt

from jobs.data.manifest import Manifest
from jobs.errors import DamagedFileError
from jobs.extract.audio.recording import RecordingFacts
from jobs.extract.clip_features import QUARANTINED
from jobs.extract.config import FeatureConfig

log = logging.getLogger(__name__)

FORMAT = 4
NO_ROW = -1

# What a shard says of each clip beside its texts; from sample_rate on it is RecordingFacts, all
# zero for a recording that was not decoded.
TABLE = np.dtype(
    [
        ("position", np.int64),
        ("row", np.int64),
        ("sha256", "S64"),
        ("status", "S16"),
        ("sample_rate", np.int32),
        ("channels", np.int32),
        ("codec", "S32"),
        ("bit_rate", np.int64),
        ("duration_s", np.float64),
        ("peak", np.float64),
        ("rms", np.float64),
        ("silence", np.float64),
        ("leading_silence_s", np.float64),
        ("missing_s", np.float64),
    ]
)


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


@dataclass(frozen=True)
class ShardColumns:
    """Everything in a shard but the features.

    Attributes:
        feature_fingerprint: of the config that the features were computed with.
        table: structured array of the type TABLE, a row for each clip.
        band_levels: float32 [clips, 2, bands], mean and standard deviation over time of each
            clip's log-mel bands in dB; NaN for clips without features.
        clip_id: the clips' ids.
        reason: why clips have no features.
    """

    feature_fingerprint: str
    table: npt.NDArray[np.void]
    band_levels: npt.NDArray[np.float32]
    clip_id: list[str]
    reason: list[str]

    @property
    def position(self) -> npt.NDArray[np.int64]:
        return self.table["position"]

    @property
    def row(self) -> npt.NDArray[np.int64]:
        return self.table["row"]

    @property
    def sha256(self) -> list[str]:
        return [digest.decode() for digest in self.table["sha256"].tolist()]

    def positions_with(self, status: str) -> npt.NDArray[np.int64]:
        """Return the positions of the clips of one status."""
        return self.position[self.table["status"] == status.encode()]

    def facts(self, offset: int) -> RecordingFacts | None:
        """Return the facts about the recording at `offset`, or None if it was not decoded."""
        row = self.table[offset]
        if not row["sample_rate"]:
            return None
        values = {name: row[name].item() for name in RecordingFacts.__dataclass_fields__}
        return RecordingFacts(**values | {"codec": values["codec"].decode()})

    def are_of(self, manifest: Manifest, positions: range) -> bool:
        """Return whether these are the clips at `positions`, with the same bytes."""
        clips = manifest.clips[positions.start : positions.stop]
        if self.position.tolist() != list(positions) or self.clip_id != [c.id for c in clips]:
            return False
        # A crashed decoder leaves a quarantined row without a hash (see `ClipFeatures.sha256`).
        bad = (self.table["status"] == QUARANTINED.encode()).tolist()
        return all(
            digest == clip.sha256 or (is_bad and not digest)
            for digest, clip, is_bad in zip(self.sha256, clips, bad, strict=True)
        )


def open_for_reading(path: Path) -> h5py.File:
    """Open without locks: complete files never change, and network file systems break locks."""
    try:
        return h5py.File(path, "r", locking=False)
    except OSError as error:
        if error.errno is not None:  # the system's doing (no such file, no access), not the file's
            raise
        raise damaged(path, error) from error


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
                table=file["clips"][:],
                band_levels=file["band_levels"][:],
                clip_id=[text.decode("utf-8") for text in file["clip_id"][:]],
                reason=[text.decode("utf-8") for text in file["reason"][:]],
            )
        except (KeyError, OSError) as error:
            raise damaged(path, error) from error


def read_features(path: Path) -> npt.NDArray[np.float32]:
    """Read all rows of a shard, checksums verified.

    Returns:
        float32 [clips that have features, *shape of the config].

    Raises:
        DamagedFileError: a chunk is missing or its checksum does not fit.
    """
    with open_for_reading(path) as file:
        try:
            features: npt.NDArray[np.float32] = file["features"][:]
        except (KeyError, OSError) as error:
            raise damaged(path, error) from error
    return features


def damaged(path: Path, error: Exception) -> Exception:
    """Return what to raise for an error of HDF5: a file server that fails damages no file.

    HDF5 says the system's error in words alone: "file read failed: ..., errno = 5, ...".
    """
    said = re.search(r"errno = ([1-9]\d*)", str(error))
    if said:
        number = int(said[1])
        return OSError(number, f"{os.strerror(number)} ({error})", str(path))
    return DamagedFileError(f"{path} is damaged: {error}")


def is_current(folder: Path, manifest: Manifest, config: FeatureConfig, name: ShardName) -> bool:
    """Return whether the FeatureSet in `folder` has a readable shard of just these recordings."""
    path = folder / str(name)
    try:
        columns = read_columns(path)
    except FileNotFoundError:
        return False
    except DamagedFileError as error:
        log.warning("%s; it is extracted again", error)
        return False
    return columns.feature_fingerprint == config.fingerprint() and columns.are_of(
        manifest, name.positions(len(manifest))
    )
