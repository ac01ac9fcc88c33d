"""Writing a shard, clip by clip."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import astuple
from pathlib import Path

import h5py
import numpy as np

from jobs.data.manifest import Clip
from jobs.extract.audio.recording import RecordingFacts
from jobs.extract.clip_features import ClipFeatures, Floats
from jobs.extract.config import FeatureConfig
from jobs.extract.store.deferred_errors import DeferredErrors
from jobs.extract.store.shard import FORMAT, NO_ROW, TABLE
from jobs.files import replacing

# Small rows share a chunk of about this size; a large one has a chunk of its own.
CHUNK_BYTES = 64 * 1024
NOT_DECODED = RecordingFacts(0, 0, "", 0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)


class ShardWriter:
    """Writes records one by one, so that memory does not grow with the features of a shard.

    A clip without features takes no row: nothing stands in for it.
    """

    def __init__(
        self, file: h5py.File, config: FeatureConfig, clips: int, check: Callable[[], None]
    ) -> None:
        self._file, self._check = file, check
        self._table: list[tuple[object, ...]] = []
        self._ids: list[str] = []
        self._reasons: list[str] = []
        self._band_levels: list[Floats] = []
        self._no_levels = np.full((2, config.level_bands), np.nan, np.float32)
        self._used = 0
        file.attrs["format"] = FORMAT
        file.attrs["config"] = config.model_dump_json()
        file.attrs["feature_fingerprint"] = config.fingerprint()
        rows_of_a_chunk = max(1, min(clips, CHUNK_BYTES // config.bytes_per_clip))
        # fletcher32: a flipped bit on disk is an error when read, not a wrong feature.
        self._features = file.create_dataset(
            "features",
            shape=(clips, *config.shape),
            maxshape=(clips, *config.shape),
            dtype=np.float32,
            chunks=(rows_of_a_chunk, *config.shape),
            fletcher32=True,
            track_times=False,
        )

    def add(self, position: int, clip: Clip, record: ClipFeatures) -> None:
        """Write the features of one clip and remember the rest.

        Args:
            position: of the clip in its manifest.
            clip: its id is kept.
            record: with one feature set, see `ClipFeatures.of_set`.
        """
        (features,), (levels,) = record.features, record.band_levels
        row = NO_ROW
        if features is not None:
            row = self._used
            self._features[row] = features
            self._used += 1
            self._check()
        facts = astuple(record.facts or NOT_DECODED)
        self._table.append((position, row, record.sha256.encode(), record.status.encode(), *facts))
        self._band_levels.append(self._no_levels if levels is None else levels)
        self._ids.append(clip.id)
        self._reasons.append(record.reason)

    def close(self) -> None:
        """Write the columns beside the features; only now is the file a shard."""
        self._features.resize(self._used, axis=0)
        self._file.create_dataset("clips", data=np.array(self._table, TABLE), track_times=False)
        levels = np.stack([*self._band_levels, self._no_levels])[:-1]  # there may be no clips
        self._file.create_dataset("band_levels", data=levels, track_times=False)
        for name, texts in {"clip_id": self._ids, "reason": self._reasons}.items():
            data = np.array(texts, dtype=object)
            text = h5py.string_dtype("utf-8")
            self._file.create_dataset(name, data=data, dtype=text, track_times=False)


@contextlib.contextmanager
def writing_shard(path: Path, config: FeatureConfig, clips: int) -> Iterator[ShardWriter]:
    """Give a writer for the block; at its end the shard stands complete under its name.

    The same records, added in manifest order, give the same bytes, whoever adds them and when.

    Args:
        path: of the shard.
        config: written into the file, with its fingerprint.
        clips: how many records there will be.

    Raises:
        OSError: the disk is full; nothing is left behind.
    """
    with replacing(path) as temporary, contextlib.closing(DeferredErrors(temporary)) as sink:
        with h5py.File(sink, "w", libver="v110") as file:
            writer = ShardWriter(file, config, clips, sink.check)
            yield writer
            writer.close()
        sink.check()
