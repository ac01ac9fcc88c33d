"""A clip cut into overlapping, windowed frames: what every Fourier transform begins with."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from jobs.extract.features.blocks.kernels import kernels
from jobs.extract.features.blocks.librosa_tables import hann

Floats = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.int64]

SAMPLES_LOOKED_AT = 4096


@dataclass(frozen=True)
class Framing:
    """The centred frames of one clip, as `librosa.stft` cuts them: its ends are padded with zeros.

    Attributes:
        samples: float32 [samples].
        n_fft: samples a frame.
        hop_length: samples between frames.
        count: how many frames there are.
        sounding: how many there are before only zeros come.
    """

    samples: Floats
    n_fft: int
    hop_length: int
    count: int
    sounding: int

    @classmethod
    def of(cls, samples: Floats, n_fft: int, hop_length: int) -> "Framing":
        """Cut float32 [samples]."""
        count = 1 + (len(samples) + 2 * (n_fft // 2) - n_fft) // hop_length
        sounding = min(count, sounding_frames(samples, n_fft, hop_length))
        return cls(samples, n_fft, hop_length, count, sounding)

    @property
    def bins(self) -> int:
        """How many frequencies a frame's transform has."""
        return 1 + self.n_fft // 2

    def windowed(
        self, dtype: npt.DTypeLike, at_once: int
    ) -> Iterator[tuple[int, npt.NDArray[Any]]]:
        """Yield frames times a Hann window, and the number of the first of them.

        Frames of padding alone are left out: their transform is zero.

        Args:
            dtype: float32 or float64.
            at_once: how many frames; the last time there may be fewer.

        Yields:
            The number, and [frames, n_fft] that is overwritten the next time.
        """
        window = hann(self.n_fft).astype(dtype)
        frames = np.empty((at_once, self.n_fft), dtype=dtype)
        for start in range(0, self.sounding, at_once):
            some = frames[: min(at_once, self.sounding - start)]
            kernels().window_frames(self.samples, window, start, self.hop_length, some)
            yield start, some

    def windowed_some(self, numbers: Numbers) -> npt.NDArray[np.float64]:
        """Return frames of these numbers alone, times the window: float64 [numbers, n_fft]."""
        window, frames = hann(self.n_fft), np.empty((len(numbers), self.n_fft))
        for row, number in enumerate(numbers):
            some = frames[row : row + 1]
            kernels().window_frames(self.samples, window, int(number), self.hop_length, some)
        return frames


def zero_padded(samples: Floats, width: int, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """Return the samples with zeros on both sides; `numpy.pad` takes a multiple of the time."""
    padded = np.zeros(len(samples) + 2 * width, dtype=dtype)
    padded[width : width + len(samples)] = samples
    return padded


def sounding_frames(samples: Floats, n_fft: int, hop_length: int) -> int:
    """Return how many centred frames there are before only zeros come: short clips are padded."""
    end = len(samples)
    while end > 0:  # from behind, so that a clip of full length is not looked at as a whole
        start = max(0, end - SAMPLES_LOOKED_AT)
        sounding = np.flatnonzero(samples[start:end])
        if len(sounding):
            return 1 + (start + int(sounding[-1]) + n_fft // 2) // hop_length
        end = start
    return 0
