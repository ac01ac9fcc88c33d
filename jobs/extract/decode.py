"""From the bytes of an MP3 file to samples."""

import contextlib
import io
import os
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from jobs.extract.config import FeatureConfig


class DecodeError(Exception):
    """The bytes are not audio that can be read. Final: the same bytes fail again."""


def decode(data: bytes, config: FeatureConfig) -> npt.NDArray[np.float32]:
    """Return the first `config.seconds` of a recording as mono samples of fixed length.

    Equal to `librosa.load(path, sr=sample_rate, duration=seconds)` followed by
    `librosa.util.fix_length(size=samples)`: channels are averaged, soxr resamples at high
    quality, a short clip is padded with zeros. The format is told from the content.

    Args:
        data: the whole file.
        config: sample rate in Hz and seconds.

    Returns:
        float32 [samples].

    Raises:
        DecodeError: no audio can be read from the bytes.
    """
    import librosa

    samples, native_rate = _read(data, config.seconds)
    if samples.size == 0:
        raise DecodeError("the file has a header but no audio")
    mono = librosa.to_mono(samples)
    if not np.isfinite(mono).all():
        raise DecodeError("the decoded samples are not finite")
    if native_rate != config.sample_rate:
        mono = librosa.resample(mono, orig_sr=native_rate, target_sr=config.sample_rate)
    return np.asarray(librosa.util.fix_length(mono, size=config.samples), dtype=np.float32)


def _read(data: bytes, seconds: float) -> tuple[npt.NDArray[np.float32], int]:
    """Return float32 [channels, samples] or [samples], and the file's own rate in Hz."""
    import soundfile

    if not data:
        raise DecodeError("the file is empty (0 bytes)")
    try:
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            # int(), not round(): as librosa.load counts.
            frames = int(seconds * file.samplerate)
            return file.read(frames=frames, dtype="float32", always_2d=False).T, file.samplerate
    except soundfile.LibsndfileError as error:
        raise DecodeError(error.error_string.strip().rstrip(".")) from error
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
