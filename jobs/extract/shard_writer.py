"""Writing a shard, clip by clip."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import astuple
from pathlib import Path

import h5py
import numpy as np

from jobs.extract.config import FeatureConfig
from jobs.extract.decode import Audio
from jobs.extract.deferred_errors import DeferredErrors
from jobs.extract.shard import FORMAT, NO_ROW, TABLE, ClipResult
from jobs.files import replacing

# Small rows share a chunk of about this size; a large one has a chunk of its own.
CHUNK_BYTES = 64 * 1024


class ShardWriter:
    """Writes results one by one, so that memory does not grow with the features of a shard.

    A clip without features takes no row: nothing stands in for it.
    """

    def __init__(
        self, file: h5py.File, config: FeatureConfig, clips: int, check: Callable[[], None]
    ) -> None:
        self._file, self._check = file, check
        self._table: list[tuple[object, ...]] = []
        self._ids: list[str] = []
        self._reasons: list[str] = []
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

    def add(self, result: ClipResult) -> None:
        """Write the features of one clip and remember the rest."""
        row = NO_ROW
        if result.features is not None:
            row = self._used
            self._features[row] = result.features
            self._used += 1
            self._check()
        audio = astuple(result.audio or Audio(0, 0, 0.0, 0.0, 0.0, 0.0))
        sha256, status = result.sha256.encode(), result.status.encode()
        self._table.append((result.position, row, sha256, status, *audio))
        self._ids.append(result.id)
        self._reasons.append(result.reason)

    def close(self) -> None:
        """Write the columns beside the features; only now is the file a shard."""
        self._features.resize(self._used, axis=0)
        self._file.create_dataset("clips", data=np.array(self._table, TABLE), track_times=False)
        for name, texts in {"clip_id": self._ids, "reason": self._reasons}.items():
            data = np.array(texts, dtype=object)
            text = h5py.string_dtype("utf-8")
            self._file.create_dataset(name, data=data, dtype=text, track_times=False)


@contextlib.contextmanager
def writing_shard(path: Path, config: FeatureConfig, clips: int) -> Iterator[ShardWriter]:
    """Give a writer for the block; at its end the shard stands complete under its name.

    The same results, added in manifest order, give the same bytes, whoever adds them and when.

    Args:
        path: of the shard.
        config: written into the file, with its fingerprint.
        clips: how many results there will be.

    Raises:
        OSError: the disk is full; nothing is left behind.
    """
    with replacing(path) as temporary, contextlib.closing(DeferredErrors(temporary)) as sink:
        with h5py.File(sink, "w", libver="v110") as file:
            writer = ShardWriter(file, config, clips, sink.check)
            yield writer
            writer.close()
        sink.check()
