"""Mel spectrogram, decibels and MFCC: feature set v1, and the first 168 rows of v2."""

import functools
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import scipy.sparse

from jobs.extract.features.blocks.spectrum import Spectrum

Floats = npt.NDArray[np.float32]
Levels = TypeVar("Levels", npt.NDArray[np.float32], npt.NDArray[np.float64])

DECIBELS_BELOW_PEAK = 80.0
SMALLEST_POWER = 1e-10
ONE = np.float32(1)


def mel_power(spectrum: Spectrum, n_mels: int) -> Floats:
    """Return the mel power spectrogram, as `librosa.feature.melspectrogram`.

    Returns:
        float32 [n_mels, frames]; the bands lie between 0 Hz and half the sample rate.
    """
    filters = _sparse_filters(spectrum.sample_rate, spectrum.n_fft, n_mels)
    return np.asarray(filters @ spectrum.power)


def decibels(power: Levels, reference: np.floating[Any] = ONE) -> Levels:
    """Return power in dB, floored at 80 dB below its maximum, as `librosa.power_to_db`.

    Args:
        power: float32 or float64, any shape.
        reference: the power that is 0 dB.

    Returns:
        The same type and shape.
    """
    level: Levels = np.log10(np.maximum(SMALLEST_POWER, power)).astype(power.dtype, copy=False)
    level *= 10.0
    level -= 10.0 * np.log10(np.maximum(SMALLEST_POWER, reference))
    return np.maximum(level, level.max() - DECIBELS_BELOW_PEAK)


def mfcc(mel: Floats, n_mfcc: int) -> Floats:
    """Return mel-frequency cepstral coefficients, as `librosa.feature.mfcc`.

    Args:
        mel: float32 [n_mels, frames], power.
        n_mfcc: how many of the lowest coefficients.

    Returns:
        float32 [n_mfcc, frames]: the orthonormal DCT-II of the mel bands in dB.
    """
    return np.asarray(_cosines(n_mfcc, len(mel)) @ decibels(mel))


@functools.lru_cache(maxsize=8)
def _cosines(count: int, length: int) -> Floats:
    """Return the first rows of the orthonormal DCT-II, float32 [count, length]."""
    angle = np.outer(np.arange(count), np.arange(length) + 0.5) * (np.pi / length)
    basis = np.cos(angle) * np.sqrt(2.0 / length)
    basis[0] /= np.sqrt(2.0)
    return basis.astype(np.float32)


@functools.lru_cache(maxsize=8)
def _sparse_filters(sample_rate: int, n_fft: int, n_mels: int) -> scipy.sparse.csr_matrix:
    """Two filters overlap at each bin, so the product is cheap in sparse form."""
    return scipy.sparse.csr_matrix(mel_filters(sample_rate, n_fft, n_mels))


def mel_filters(sample_rate: int, n_fft: int, n_mels: int) -> Floats:
    """Return triangular filters of equal area, bit for bit `librosa.filters.mel`.

    Slaney, "Auditory Toolbox" (1998): the centres are linear in Hz below 1 kHz, logarithmic above.

    Returns:
        float32 [n_mels, 1 + n_fft // 2].
    """
    bins = np.fft.rfftfreq(n=n_fft, d=1.0 / sample_rate)
    low, high = hz_to_mel(np.array([0.0, sample_rate / 2]))
    edges = mel_to_hz(np.linspace(low, high, n_mels + 2))
    widths = np.diff(edges)
    ramps = np.subtract.outer(edges, bins)
    filters = np.zeros((n_mels, 1 + n_fft // 2), dtype=np.float32)
    for band in range(n_mels):
        rising = -ramps[band] / widths[band]
        falling = ramps[band + 2] / widths[band + 1]
        filters[band] = np.maximum(0, np.minimum(rising, falling))
    filters *= (2.0 / (edges[2:] - edges[:n_mels]))[:, np.newaxis]
    return filters


LINEAR_HZ_PER_MEL = 200.0 / 3
LOG_FROM_HZ = 1000.0
LOG_FROM_MEL = LOG_FROM_HZ / LINEAR_HZ_PER_MEL
LOG_STEP = np.log(6.4) / 27.0


def hz_to_mel(frequency: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return Slaney's mel of frequencies in Hz."""
    above = np.maximum(frequency, LOG_FROM_HZ)
    logarithmic = LOG_FROM_MEL + np.log(above / LOG_FROM_HZ) / LOG_STEP
    return np.where(frequency >= LOG_FROM_HZ, logarithmic, frequency / LINEAR_HZ_PER_MEL)


def mel_to_hz(mel: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the frequencies in Hz of Slaney's mels."""
    logarithmic = LOG_FROM_HZ * np.exp(LOG_STEP * (mel - LOG_FROM_MEL))
    return np.where(mel >= LOG_FROM_MEL, logarithmic, LINEAR_HZ_PER_MEL * mel)
