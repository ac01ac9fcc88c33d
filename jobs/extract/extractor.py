"""Make one shard: decode and compute each clip, or take its row from an older shard."""

import contextlib
import errno
import hashlib
import logging
import time
from collections.abc import Generator
from pathlib import Path

import numpy as np
from joblib import Parallel, delayed
from threadpoolctl import threadpool_limits

from jobs.data.manifest import Manifest
from jobs.errors import DamagedFileError
from jobs.extract.config import FeatureConfig
from jobs.extract.decode import DecodeError, decode, quiet_decoder
from jobs.extract.features import compute
from jobs.extract.known_rows import KnownRows
from jobs.extract.shard import ClipResult, ShardName, read_columns, write_shard
from jobs.progress import Progress

log = logging.getLogger(__name__)

READ_ATTEMPTS = 3
READ_PAUSE_S = 1.0


def extract_shard(
    manifest: Manifest, config: FeatureConfig, name: ShardName, features_root: Path, cpus: int
) -> bool:
    """Write one shard of a FeatureSet unless it is already there.

    Args:
        manifest: the clips.
        config: the feature set and its settings.
        name: which shard of how many.
        features_root: where FeatureSets lie; older ones of the same settings are reused.
        cpus: how many clips are worked on at once. The bytes of the shard don't depend on it.

    Returns:
        False if a complete shard was there already.

    Raises:
        OSError: a clip could not be read, after several attempts; no shard is written.
    """
    folder = features_root / config.folder_name(manifest)
    if is_complete(folder / str(name), manifest, config, name):
        return False
    replace_shard(manifest, config, name, features_root, cpus)
    return True


def replace_shard(
    manifest: Manifest, config: FeatureConfig, name: ShardName, features_root: Path, cpus: int
) -> None:
    """Write one shard whether or not it is there; see `extract_shard`."""
    folder = features_root / config.folder_name(manifest)
    positions = name.positions(len(manifest))
    known = KnownRows.below(features_root, config, folder, name)
    progress = Progress(f"extract {config.features} {name}", len(positions), "clips")
    # closing: if writing fails, standard error must come back at once.
    with contextlib.closing(_results(manifest, config, positions, known, cpus)) as results:
        write_shard(folder, name, config, len(positions), progress.over(results))


def is_complete(path: Path, manifest: Manifest, config: FeatureConfig, name: ShardName) -> bool:
    """Tell whether `path` is a readable shard of just these clips."""
    if not path.exists():
        return False
    try:
        columns = read_columns(path)
    except DamagedFileError as error:
        log.warning("%s; it is extracted again", error)
        return False
    expected = np.array(name.positions(len(manifest)), dtype=np.int64)
    return (
        columns.feature_fingerprint == config.fingerprint()
        and np.array_equal(columns.position, expected)
        and columns.clip_id == [manifest.clips[p].id for p in expected]
    )


def _results(
    manifest: Manifest, config: FeatureConfig, positions: range, known: KnownRows, cpus: int
) -> Generator[ClipResult, None, None]:
    # Threads: soundfile, soxr and the FFT release the GIL. BLAS on one thread: its sums depend on
    # the number of threads, and the bytes of a shard must not.
    with quiet_decoder(), threadpool_limits(limits=1):
        parallel = Parallel(n_jobs=cpus, backend="threading", return_as="generator")
        yield from parallel(delayed(_one)(manifest, config, p, known) for p in positions)


def _one(manifest: Manifest, config: FeatureConfig, position: int, known: KnownRows) -> ClipResult:
    clip, path = manifest.clips[position], manifest.file_of(position)
    try:
        digest = _sha256(path)
    except IsADirectoryError:
        return ClipResult(position, clip.id, "", None, "it is a folder, not a file")
    before = known.result(digest)
    if before is not None:
        return ClipResult(position, clip.id, digest, before.features, before.reason)
    try:
        features = compute(decode(path, config), config)
    except DecodeError as error:
        return ClipResult(position, clip.id, digest, None, str(error))
    if not np.isfinite(features).all():
        return ClipResult(position, clip.id, digest, None, "its features are not finite numbers")
    return ClipResult(position, clip.id, digest, features)


def _sha256(path: Path) -> str:
    """Hash a file, and again after a pause: network file systems fail for moments.

    Raises:
        IsADirectoryError: at once.
        OSError: the last attempt's, naming the file.
    """
    for attempt in range(1, READ_ATTEMPTS + 1):
        try:
            with path.open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        except IsADirectoryError:
            raise
        except OSError as error:
            if attempt == READ_ATTEMPTS or error.errno == errno.ENOENT:
                raise OSError(error.errno, error.strerror, str(path)) from error
            log.warning("%s (attempt %d of %d)", error, attempt, READ_ATTEMPTS)
            time.sleep(READ_PAUSE_S * attempt)
    raise AssertionError("unreachable")
