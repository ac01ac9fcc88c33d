"""Energy of the twelve pitch classes: rows 169 to 180 of feature set v2."""

import functools

import numpy as np
import numpy.typing as npt

from jobs.extract.features.blocks.spectrum import Spectrum
from jobs.extract.features.blocks.tuning import A0_HZ, estimate_tuning

Floats = npt.NDArray[np.float32]

PITCH_CLASSES = 12
CENTRE_OCTAVE, OCTAVE_WIDTH = 5.0, 2.0


def chroma_stft(spectrum: Spectrum) -> Floats:
    """Return the chromagram of a power spectrogram, as `librosa.feature.chroma_stft`.

    Returns:
        float32 [12, frames]; the loudest pitch class of a frame is 1.
    """
    rate, n_fft = spectrum.sample_rate, spectrum.n_fft
    tuning = estimate_tuning(np.square(spectrum.magnitude), rate, n_fft, PITCH_CLASSES)
    return relative_to_loudest(chroma_filters(rate, n_fft, tuning) @ spectrum.power)


def relative_to_loudest(chroma: Floats) -> Floats:
    """Divide each frame by its largest value; a frame that is all but zero stays as it is."""
    return _divided(chroma, np.abs(chroma).max(axis=0))


def relative_to_sum(chroma: Floats) -> Floats:
    """Divide each frame by the sum of its magnitudes; an all but zero one stays as it is."""
    return _divided(chroma, np.abs(chroma).sum(axis=0, dtype=np.float64))


def _divided(chroma: Floats, length: npt.NDArray[np.floating]) -> Floats:
    length = length.astype(np.float64)
    length[length < np.finfo(np.float32).tiny] = 1.0
    return np.asarray(chroma / length, dtype=np.float32)


# A tuning is a multiple of 0.01 in [-0.5, 0.5): there are no more than 101 of them.
@functools.lru_cache(maxsize=101)
def chroma_filters(sample_rate: int, n_fft: int, tuning: float) -> Floats:
    """Return the weight of each FFT bin in each pitch class, as `librosa.filters.chroma`.

    Ellis, "Chroma feature analysis and synthesis" (2007): Gaussian bumps around each pitch class,
    weighted by a Gaussian over octaves. Ours and not librosa's function, because that one loads
    `librosa.util`, whose loops numba compiles: 0.8 s more for each worker, and 12 s where nobody
    has filled numba's cache yet.

    Returns:
        float32 [12, 1 + n_fft // 2], C first.
    """
    # One bin more than is returned: a bin is as wide as the next one is far away.
    hz = np.linspace(0, sample_rate, n_fft, endpoint=False)[1 : 3 + n_fft // 2]
    a0 = A0_HZ * 2.0 ** (tuning / PITCH_CLASSES)
    pitch = PITCH_CLASSES * np.log2(hz / a0)
    # 0 Hz has no pitch: it is put 1.5 octaves below the first bin.
    pitch = np.concatenate(([pitch[0] - 1.5 * PITCH_CLASSES], pitch))
    width, pitch = np.maximum(np.diff(pitch), 1.0), pitch[:-1]
    half = PITCH_CLASSES / 2
    distance = np.subtract.outer(np.arange(PITCH_CLASSES, dtype=np.float64), pitch)
    distance = np.remainder(half + 10 * PITCH_CLASSES - distance, PITCH_CLASSES) - half
    weights = np.exp(-0.5 * (2 * distance / width) ** 2)
    weights /= np.sqrt((weights**2).sum(axis=0))
    weights *= np.exp(-0.5 * ((pitch / PITCH_CLASSES - CENTRE_OCTAVE) / OCTAVE_WIDTH) ** 2)
    from_c = np.roll(weights, -3, axis=0)
    return np.ascontiguousarray(from_c[:, : 1 + n_fft // 2], dtype=np.float32)
