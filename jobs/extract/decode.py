"""From an MP3 file to samples."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from jobs.extract.config import FeatureConfig


class DecodeError(Exception):
    """The file is not audio that can be read. Final: the same bytes fail again."""


# What libsndfile says of anything that it does not know under the name of an MP3 file.
NOT_RECOGNISED = "not a regular file"


def decode(path: Path, config: FeatureConfig) -> npt.NDArray[np.float32]:
    """Return the first `config.seconds` of a recording as mono samples of fixed length.

    Equal to `librosa.load(path, sr=sample_rate, duration=seconds)` followed by
    `librosa.util.fix_length(size=samples)`: channels are averaged, soxr resamples at high
    quality, a short clip is padded with zeros. The format is told from the content.

    Args:
        path: the file. A path and not its bytes: libsndfile finds the first MPEG frame behind
            other bytes only where the name ends in .mp3, and librosa goes by the path too.
        config: sample rate in Hz and seconds.

    Returns:
        float32 [samples].

    Raises:
        DecodeError: no audio can be read from the file.
    """
    import librosa

    samples, native_rate = _read(path, config.seconds)
    if samples.size == 0:
        raise DecodeError("the file has a header but no audio")
    mono = librosa.to_mono(samples)
    if not np.isfinite(mono).all():
        raise DecodeError("the decoded samples are not finite")
    if native_rate != config.sample_rate:
        mono = librosa.resample(mono, orig_sr=native_rate, target_sr=config.sample_rate)
    return np.asarray(librosa.util.fix_length(mono, size=config.samples), dtype=np.float32)


def _read(path: Path, seconds: float) -> tuple[npt.NDArray[np.float32], int]:
    """Return float32 [channels, samples] or [samples], and the file's own rate in Hz."""
    import soundfile

    if path.stat().st_size == 0:
        raise DecodeError("the file is empty (0 bytes)")
    try:
        with soundfile.SoundFile(path) as file:
            # int(), not round(): as librosa.load counts.
            frames = int(seconds * file.samplerate)
            return file.read(frames=frames, dtype="float32", always_2d=False).T, file.samplerate
    except soundfile.LibsndfileError as error:
        said = error.error_string.strip().rstrip(".")
        known = "format not recognised: this is not audio" if NOT_RECOGNISED in said else said
        raise DecodeError(known) from error
    except RuntimeError as error:
        raise DecodeError(str(error)) from error


@contextlib.contextmanager
def quiet_decoder() -> Iterator[None]:
    """Send what libmpg123 writes to standard error about odd files to nowhere.

    It writes from C, one line a resync, without naming the file; quarantine.csv says it better.
    """
    saved = os.dup(2)
    sink = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(sink, 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(sink)
        os.close(saved)
