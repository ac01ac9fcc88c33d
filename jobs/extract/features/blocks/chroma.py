"""Energy of the twelve pitch classes: rows 169 to 180 of feature set v2."""

import functools

import numpy as np
import numpy.typing as npt

from jobs.extract.features.blocks.spectrum import Spectrum
from jobs.extract.features.blocks.tuning import estimate_tuning

Floats = npt.NDArray[np.float32]

PITCH_CLASSES = 12


def chroma_stft(spectrum: Spectrum) -> Floats:
    """Return the chromagram of a power spectrogram, as `librosa.feature.chroma_stft`.

    Returns:
        float32 [12, frames]; the loudest pitch class of a frame is 1.
    """
    rate, n_fft = spectrum.sample_rate, spectrum.n_fft
    tuning = estimate_tuning(np.square(spectrum.magnitude), rate, n_fft, PITCH_CLASSES)
    return relative_to_loudest(_filters(rate, n_fft, tuning) @ spectrum.power)


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
def _filters(sample_rate: int, n_fft: int, tuning: float) -> Floats:
    """Return the weight of each FFT bin in each pitch class, float32 [12, 1 + n_fft // 2]."""
    from librosa.filters import chroma

    return np.ascontiguousarray(chroma(sr=sample_rate, n_fft=n_fft, tuning=tuning))
