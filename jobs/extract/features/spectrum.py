"""The short-time Fourier transform that most blocks of every feature set are read from."""

import functools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from jobs.extract.features.kernels import kernels

Floats = npt.NDArray[np.float32]

# Frames transformed at a time: as many as stay in the cache of one core.
FRAMES_AT_ONCE = 16


@dataclass(frozen=True)
class Spectrum:
    """The spectrogram of one clip, and what it was made with.

    Attributes:
        magnitude: float32 [frames, bins].
        sample_rate: in Hz.
        n_fft: samples a frame; bins are 1 + n_fft // 2.
    """

    magnitude: Floats
    sample_rate: int
    n_fft: int

    @classmethod
    def of(cls, samples: Floats, sample_rate: int, n_fft: int, hop_length: int) -> "Spectrum":
        """Transform float32 [samples]; see `magnitudes`."""
        return cls(magnitudes(samples, n_fft, hop_length), sample_rate, n_fft)

    @functools.cached_property
    def power(self) -> Floats:
        """The square of `magnitude`, turned: float32 [bins, frames]."""
        return np.square(self.magnitude.T, order="C")

    @property
    def hz(self) -> npt.NDArray[np.float64]:
        """The frequency of each bin, float64 [bins]."""
        return np.asarray(np.fft.rfftfreq(self.n_fft, 1.0 / self.sample_rate), dtype=np.float64)


def magnitudes(samples: Floats, n_fft: int, hop_length: int) -> Floats:
    """Return the magnitude of the short-time Fourier transform with a Hann window.

    Bit for bit `np.abs(librosa.stft(...)).T`: frames are centred, the ends padded with zeros, sums
    taken in float64 and rounded to complex64. The magnitude of that complex64 is numpy's: squaring
    and adding instead moves the last bit, and with it now and then a tuning.

    Args:
        samples: float32 [samples].
        n_fft: samples a frame.
        hop_length: samples between frames.

    Returns:
        float32 [frames, 1 + n_fft // 2].
    """
    padded, window = np.pad(samples, n_fft // 2), hann(n_fft)
    frames = 1 + (len(padded) - n_fft) // hop_length
    magnitude = np.empty((frames, 1 + n_fft // 2), dtype=np.float32)
    windowed = np.empty((FRAMES_AT_ONCE, n_fft))
    for start in range(0, frames, FRAMES_AT_ONCE):
        block = windowed[: min(FRAMES_AT_ONCE, frames - start)]
        kernels().window_frames(padded, window, start, hop_length, block)
        spectra = np.fft.rfft(block, axis=1).astype(np.complex64)
        np.abs(spectra, out=magnitude[start : start + len(block)])
    return magnitude


@functools.lru_cache(maxsize=16)
def hann(length: int) -> npt.NDArray[np.float64]:
    """Return the periodic Hann window, bit for bit `scipy.signal.get_window("hann", length)`."""
    window: npt.NDArray[np.float64] = 0.5 + 0.5 * np.cos(np.linspace(-np.pi, np.pi, length + 1))
    return window[:-1]
