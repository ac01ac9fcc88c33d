"""What a worker is asked for one recording, and how it comes to a record of it."""

import contextlib
import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from jobs.data.recordings import MOST_BYTES_OF_A_RECORDING
from jobs.extract.audio.decode import DecodeError, decode
from jobs.extract.clip_features import ClipFeatures
from jobs.extract.config import FeatureConfig
from jobs.extract.workers.phase import Phase

READ_ATTEMPTS, READ_PAUSE_S = 3, 1.0
READ_BYTES = 1024 * 1024

IS_A_FOLDER = "it is a folder, not a file"
NOT_PERMITTED = "permission denied: the file may not be read"
TOO_LARGE = "the file is larger than 4 GB, which no WAV file can be; cut it, or convert it to FLAC"
# Reasons that lie in the file system and not in the bytes.
UNREADABLE = (IS_A_FOLDER, NOT_PERMITTED, TOO_LARGE)


@dataclass(frozen=True, slots=True)
class WorkRequest:
    """One recording to work on.

    Attributes:
        path: of the file.
        wanted: the feature sets to compute, as numbers of the worker's configs. The record has
            these sets, in this order.
    """

    path: Path
    wanted: tuple[int, ...]


def warm_up(configs: Sequence[FeatureConfig]) -> None:
    """Compute the feature sets of silence, so that the first clip waits for no import.

    librosa, the compiled kernels and the filters take seconds, and minutes on a slow file system:
    longer than a clip may take before it counts as one that hangs the decoder.
    """
    from jobs.extract.features.analysis import ClipAnalysis
    from jobs.extract.features.blocks.kernels import kernels

    kernels()
    # What cannot be computed is said of each clip, with its name.
    with contextlib.suppress(Exception), np.errstate(all="ignore"):
        silence = ClipAnalysis(np.zeros(configs[0].samples, np.float32))
        for config in configs:
            silence.features(config)
            silence.band_levels(config)


def work_on(
    request: WorkRequest, configs: Sequence[FeatureConfig], phase: Phase
) -> ClipFeatures | OSError:
    """Hash one file, decode it once, compute the feature sets that are wanted.

    Args:
        request: the file.
        configs: all feature sets that requests may name; they agree in sample rate and seconds.
        phase: tells an onlooker whether we read or compute.

    Returns:
        The record, or what the system said if the file cannot be read now.
    """
    count = len(request.wanted)
    phase.is_computing = False
    try:
        if request.path.stat().st_size > MOST_BYTES_OF_A_RECORDING:
            return ClipFeatures.without(count, TOO_LARGE)
        digest = _sha256(request.path)
    except IsADirectoryError:
        return ClipFeatures.without(count, IS_A_FOLDER)
    except PermissionError:
        return ClipFeatures.without(count, NOT_PERMITTED)
    except OSError as error:
        return _named(error, request.path)
    phase.is_computing = True
    try:
        return _computed(request.path, digest, [configs[number] for number in request.wanted])
    except OSError as error:
        return _named(error, request.path)
    except DecodeError as error:
        return ClipFeatures.without(count, str(error), digest)
    except MemoryError:
        # Without the hash: elsewhere there may be more memory.
        return ClipFeatures.without(count, "it takes more memory than there is")
    except Exception as error:
        return ClipFeatures.without(count, f"it cannot be processed ({error!r})", digest)


def _computed(path: Path, digest: str, configs: Sequence[FeatureConfig]) -> ClipFeatures:
    from jobs.extract.features.analysis import ClipAnalysis

    samples, facts = decode(path, configs[0])
    with np.errstate(all="ignore"):
        clip = ClipAnalysis(samples)
        found = [(clip.features(config), clip.band_levels(config)) for config in configs]
    finite = [bool(np.isfinite(features).all()) for features, _ in found]
    return ClipFeatures(
        digest,
        tuple(pair[0] if good else None for pair, good in zip(found, finite, strict=True)),
        tuple(pair[1] if good else None for pair, good in zip(found, finite, strict=True)),
        facts,
        "" if all(finite) else "its features are not finite numbers",
    )


def _named(error: OSError, path: Path) -> OSError:
    return OSError(error.errno, error.strerror, str(path))


def _sha256(path: Path) -> str:
    """Hash a file, and again after a pause: network file systems fail for moments.

    Raises:
        IsADirectoryError, PermissionError, FileNotFoundError: at once.
        OSError: the last attempt's.
    """
    for attempt in range(1, READ_ATTEMPTS + 1):
        try:
            digest = hashlib.sha256()
            with path.open("rb", buffering=0) as file:
                while piece := file.read(READ_BYTES):
                    digest.update(piece)
            return digest.hexdigest()
        except (IsADirectoryError, PermissionError, FileNotFoundError):
            raise
        except OSError:
            if attempt == READ_ATTEMPTS:
                raise
            time.sleep(READ_PAUSE_S * attempt)
    raise AssertionError("unreachable")
