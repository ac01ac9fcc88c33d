"""The short-time Fourier transform that most blocks of v2 are read from."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from jobs.extract.features.blocks.framing import Framing
from jobs.extract.features.blocks.kernels import kernels

Floats = npt.NDArray[np.float32]

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
    def of(cls, framing: Framing, sample_rate: int) -> "Spectrum":
        """Take the short-time Fourier transform with a Hann window, as `librosa.stft`.

        In float64 (1.3 ms a clip), as librosa does it: with a float32 transform spectral contrast
        is off by up to 7 dB, because its valleys lie near the rounding error.

        Sums are taken in float64. For the magnitude they are rounded to complex64 and measured as
        numpy measures that: squaring and adding instead moves the last bit, and with it now and
        then a tuning.

        Args:
            framing: the frames.
            sample_rate: in Hz.
        """
        power = np.zeros((framing.bins, framing.count), dtype=np.float32)
        magnitude = np.zeros((framing.count, framing.bins), dtype=np.float32)
        for start, frames in framing.windowed(np.float64, FRAMES_AT_ONCE):
            spectra = np.fft.rfft(frames, axis=1)
            kernels().store_power(spectra, start, power)
            rounded = spectra.astype(np.complex64)
            np.abs(rounded, out=magnitude[start : start + len(frames)])
        return cls(power, magnitude, sample_rate, framing.n_fft)

    @property
    def hz(self) -> npt.NDArray[np.float64]:
        """The frequency of each bin, float64 [bins]."""
        return np.asarray(np.fft.rfftfreq(self.n_fft, 1.0 / self.sample_rate), dtype=np.float64)
