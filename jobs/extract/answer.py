"""What becomes of one MP3: its hash, its audio, its features, or the reason why it has none."""

import hashlib
import mmap
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from jobs.extract.config import FeatureConfig
from jobs.extract.decode import Audio, DecodeError, decode
from jobs.extract.features import compute_all

Floats = npt.NDArray[np.float32]

READING, COMPUTING = 0, 1
READ_ATTEMPTS, READ_PAUSE_S = 3, 1.0
READ_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Order:
    """What a worker is told once: the feature sets, and the hashes that need no decoding.

    `known` has a set of SHA-256 digests for each config.
    """

    configs: tuple[FeatureConfig, ...]
    known: tuple[frozenset[str], ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one file.

    Attributes:
        sha256: of its bytes, "" if they cannot be read.
        features: for each config float32 of its shape, or None where the hash is known to the
            asker, or where there are no features.
        audio: None if it was not decoded.
        reason: why features are missing that are not known to the asker; "" if none are.
        unread: what the system said when the file could not be read now.
    """

    sha256: str
    features: tuple[Floats | None, ...]
    audio: Audio | None = None
    reason: str = ""
    unread: OSError | None = None


def answer(path: Path, order: Order, phase: mmap.mmap | bytearray) -> Answer:
    """Hash one file, decode it once, compute the feature sets that are not known.

    Args:
        path: the file.
        order: the feature sets.
        phase: its first byte tells an onlooker whether we read or compute.
    """
    nothing = (None,) * len(order.configs)
    phase[0] = READING
    try:
        digest = _sha256(path)
    except IsADirectoryError:
        return Answer("", nothing, reason="it is a folder, not a file")
    except PermissionError:
        return Answer("", nothing, reason="permission denied: the file may not be read")
    except OSError as error:
        return Answer("", nothing, unread=OSError(error.errno, error.strerror, str(path)))
    phase[0] = COMPUTING
    unknown = [n for n, known in enumerate(order.known) if digest not in known]
    if not unknown:
        return Answer(digest, nothing)
    try:
        samples, audio = decode(path, order.configs[0])
        with np.errstate(all="ignore"):
            computed = compute_all(samples, [order.configs[n] for n in unknown])
    except OSError as error:
        return Answer(digest, nothing, unread=OSError(error.errno, error.strerror, str(path)))
    except DecodeError as error:
        return Answer(digest, nothing, reason=str(error))
    except MemoryError:
        # Without the hash: elsewhere there may be more memory.
        return Answer("", nothing, reason="it takes more memory than there is")
    except Exception as error:
        return Answer(digest, nothing, reason=f"it cannot be processed ({error!r})")
    features: list[Floats | None] = list(nothing)
    reason = ""
    for number, each in zip(unknown, computed, strict=True):
        if np.isfinite(each).all():
            features[number] = each
        else:
            reason = "its features are not finite numbers"
    return Answer(digest, tuple(features), audio, reason)


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
