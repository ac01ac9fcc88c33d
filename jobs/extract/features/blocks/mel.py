"""Mel spectrogram, decibels and MFCC: feature set v1, and the first 168 rows of v2."""

import functools
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import scipy.fft
import scipy.sparse

from jobs.extract.features.blocks.librosa_tables import mel_filters

Floats = npt.NDArray[np.float32]
Levels = TypeVar("Levels", npt.NDArray[np.float32], npt.NDArray[np.float64])

DECIBELS_BELOW_PEAK = 80.0
SMALLEST_POWER = 1e-10
ONE = np.float32(1)


def mel_power(power: Floats, sample_rate: int, n_fft: int, n_mels: int) -> Floats:
    """Return the mel power spectrogram, as `librosa.feature.melspectrogram`.

    Args:
        power: float32 [bins, frames].
        sample_rate: in Hz.
        n_fft: samples a frame; bins are 1 + n_fft // 2.
        n_mels: how many bands.

    Returns:
        float32 [n_mels, frames]; the bands lie between 0 Hz and half the sample rate.
    """
    filters = _sparse_filters(sample_rate, n_fft, n_mels)
    return np.asarray(filters @ power)


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
def _sparse_filters(sample_rate: int, n_fft: int, n_mels: int) -> scipy.sparse.csr_matrix:
    """Two filters overlap at each bin, so the product is cheap in sparse form."""
    return scipy.sparse.csr_matrix(mel_filters(sample_rate, n_fft, n_mels))


@functools.lru_cache(maxsize=8)
def _cosines(count: int, length: int) -> Floats:
    """Return the first rows of the orthonormal DCT-II, float32 [count, length]."""
    basis = scipy.fft.dct(np.eye(length), axis=0, norm="ortho")
    return np.asarray(basis[:count], dtype=np.float32)
