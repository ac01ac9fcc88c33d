"""The short-time Fourier transform that most blocks of every feature set are read from."""

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from jobs.extract.features.blocks.kernels import kernels

Floats = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.int64]

# Frames transformed at a time: 16 of 2048 samples take 0.26 MB, which stays in a core's cache.
FRAMES_AT_ONCE = 16


@dataclass(frozen=True)
class Spectrum:
    """The spectrogram of one clip, and what it was made with.

    Attributes:
        power: float32 [bins, frames], squared magnitudes: what weighted sums over bins want.
        magnitude: float32 [frames, bins], bit for bit `np.abs(librosa.stft(...)).T`: what sorting
            and finding peaks want, frame by frame.
        sample_rate: in Hz.
        n_fft: samples a frame; bins are 1 + n_fft // 2.
    """

    power: Floats
    magnitude: Floats
    sample_rate: int
    n_fft: int

    @classmethod
    def of(cls, samples: Floats, sample_rate: int, n_fft: int, hop_length: int) -> "Spectrum":
        """Take the short-time Fourier transform with a Hann window, as `librosa.stft`.

        In float64 (1.3 ms a clip), as librosa does it: with a float32 transform spectral contrast
        is off by up to 7 dB, because its valleys lie near the rounding error.

        Frames are centred, the ends padded with zeros, sums taken in float64. For the magnitude
        they are rounded to complex64 and measured as numpy measures that: squaring and adding
        instead moves the last bit, and with it now and then a tuning.

        Args:
            samples: float32 [samples].
            sample_rate: in Hz.
            n_fft: samples a frame.
            hop_length: samples between frames.
        """
        frames = _frames(len(samples), n_fft, hop_length)
        power = np.zeros((1 + n_fft // 2, frames), dtype=np.float32)
        magnitude = np.zeros((frames, 1 + n_fft // 2), dtype=np.float32)
        for start, block in _windowed(samples, n_fft, hop_length, np.float64):
            spectra = np.fft.rfft(block, axis=1)
            kernels().store_power(spectra, start, power)
            rounded = spectra.astype(np.complex64)
            np.abs(rounded, out=magnitude[start : start + len(block)])
        return cls(power, magnitude, sample_rate, n_fft)

    @property
    def hz(self) -> npt.NDArray[np.float64]:
        """The frequency of each bin, float64 [bins]."""
        return np.asarray(np.fft.rfftfreq(self.n_fft, 1.0 / self.sample_rate), dtype=np.float64)


def quick_power(samples: Floats, n_fft: int, hop_length: int) -> Floats:
    """Return the squared magnitudes of a float32 transform, framed as in `Spectrum.of`.

    It takes half the time: scipy transforms several float32 frames in one go. But an error of 1e-7
    of a frame's loudest bins is no small error of its weakest; see `exact_power`.

    Returns:
        float32 [bins, frames].
    """
    import scipy.fft

    power = np.zeros((1 + n_fft // 2, _frames(len(samples), n_fft, hop_length)), dtype=np.float32)
    for start, block in _windowed(samples, n_fft, hop_length, np.float32):
        spectra = scipy.fft.rfft(block, axis=1, overwrite_x=True)
        kernels().store_power(spectra, start, power)
    return power


def exact_power(samples: Floats, n_fft: int, hop_length: int, frames: Numbers) -> Floats:
    """Return the squared magnitudes of a float64 transform for some frames alone.

    Args:
        samples: float32 [samples].
        n_fft: samples a frame.
        hop_length: samples between frames.
        frames: int64 [some], which ones.

    Returns:
        float32 [bins, some].
    """
    padded = zero_padded(samples, n_fft // 2, np.float32)
    framed = np.lib.stride_tricks.sliding_window_view(padded, n_fft)[::hop_length]
    spectra = np.fft.rfft(framed[frames] * hann(n_fft), axis=1)
    return (spectra.real**2 + spectra.imag**2).astype(np.float32).T


def _frames(samples: int, n_fft: int, hop_length: int) -> int:
    return 1 + (samples + 2 * (n_fft // 2) - n_fft) // hop_length


def _windowed(
    samples: Floats, n_fft: int, hop_length: int, dtype: npt.DTypeLike
) -> Iterator[tuple[int, npt.NDArray[Any]]]:
    """Yield windowed frames [some, n_fft] of a type, and the number of the first of them.

    Frames of padding alone are left out: their transform is zero.
    """
    padded, window = zero_padded(samples, n_fft // 2, np.float32), hann(n_fft).astype(dtype)
    frames = _frames(len(samples), n_fft, hop_length)
    sounding = min(frames, sounding_frames(samples, n_fft, hop_length))
    windowed = np.empty((FRAMES_AT_ONCE, n_fft), dtype=dtype)
    for start in range(0, sounding, FRAMES_AT_ONCE):
        block = windowed[: min(FRAMES_AT_ONCE, sounding - start)]
        kernels().window_frames(padded, window, start, hop_length, block)
        yield start, block


def zero_padded(samples: Floats, width: int, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """Return the samples with zeros on both sides; `numpy.pad` takes a multiple of the time."""
    padded = np.zeros(len(samples) + 2 * width, dtype=dtype)
    padded[width : width + len(samples)] = samples
    return padded


def sounding_frames(samples: Floats, n_fft: int, hop_length: int) -> int:
    """Return how many centred frames there are before only zeros come: short clips are padded."""
    behind = int((samples[::-1] != 0).argmax())
    if samples[-1 - behind] == 0:
        return 0
    return 1 + (len(samples) - 1 - behind + n_fft // 2) // hop_length


@functools.lru_cache(maxsize=16)
def hann(length: int) -> npt.NDArray[np.float64]:
    """Return the periodic Hann window, float64 [length]."""
    from librosa.filters import get_window

    return np.asarray(get_window("hann", length), dtype=np.float64)
