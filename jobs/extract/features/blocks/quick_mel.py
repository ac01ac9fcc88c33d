"""Mel power for log-mel spectrograms: in float32, where that is precise enough."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from jobs.extract.features.blocks.framing import Framing
from jobs.extract.features.blocks.kernels import kernels
from jobs.extract.features.blocks.librosa_tables import mel_filters
from jobs.extract.features.blocks.mel import DECIBELS_BELOW_PEAK, mel_power

Floats = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.int64]

# Sums over bands are taken of several frames in one go: of more than `Spectrum` transforms at once.
FRAMES_AT_ONCE = 32
WEAK = np.float32(1e-6)


@dataclass(frozen=True)
class Bands:
    """Weighted sums over neighbouring bins of a spectrum.

    Attributes:
        low, high: int64 [bands]; a band begins with the bin `low` and ends before `high`.
        weights: float32 [all bins of all bands], one band behind the other.
    """

    low: Numbers
    high: Numbers
    weights: Floats

    @classmethod
    def of(cls, filters: Floats) -> "Bands":
        """Return the bands of filters [bands, bins]: each from its first weight to its last."""
        some = filters != 0
        low = np.where(some.any(axis=1), some.argmax(axis=1), 0)
        high = np.where(some.any(axis=1), filters.shape[1] - some[:, ::-1].argmax(axis=1), 0)
        weights = [row[a:b] for row, a, b in zip(filters, low, high, strict=True)]
        return cls(low, high, np.concatenate(weights))


def quick_mel_power(framing: Framing, sample_rate: int, n_mels: Sequence[int]) -> list[Floats]:
    """Return mel power spectrograms, close enough to librosa's for decibels.

    A float32 transform takes half the time, because scipy transforms several frames in one go, and
    what is summed has not left the core's cache. But an error of 1e-7 of a frame's loudest bins is
    no small error of its weakest. So a frame is transformed again in float64 if one of its bands
    lies more than 60 dB below the frame's mean bin, and not below the floor that `decibels` sets: a
    fifteenth of the frames of ESC-10. Then no band of 440 real and made clips is off by more than
    4e-4 dB, where it was 6e-3.

    Args:
        framing: the frames.
        sample_rate: in Hz.
        n_mels: how many bands each of the spectrograms has.

    Returns:
        Each as `mel_power`. Its values do not depend on the others.
    """
    sums = _sums(framing, _bands(sample_rate, framing.n_fft, tuple(n_mels)))
    mean, found = sums[-1], []
    for mel in np.split(sums[:-1], np.cumsum(n_mels)[:-1]):
        floor = mel.max() * np.float32(10 ** (-DECIBELS_BELOW_PEAK / 10))
        weakest = np.where(mel > floor, mel, np.inf).min(axis=0)
        weak = np.flatnonzero(weakest < WEAK * mean)
        if len(weak):
            exact = _exact_power(framing, weak)
            mel[:, weak] = mel_power(exact, sample_rate, framing.n_fft, len(mel))
        found.append(mel)
    return found


def _sums(framing: Framing, bands: Bands) -> Floats:
    """Return sums over the squared magnitudes of a float32 transform: float32 [bands, frames]."""
    import scipy.fft

    sums = np.zeros((len(bands.low), framing.count), dtype=np.float32)
    for start, frames in framing.windowed(np.float32, FRAMES_AT_ONCE):
        spectra = scipy.fft.rfft(frames.T, axis=0)  # [bins, frames], where sums run along memory
        kernels().sum_bands(spectra, bands.low, bands.high, bands.weights, start, sums)
    return sums


def _exact_power(framing: Framing, numbers: Numbers) -> Floats:
    """Return the squared magnitudes of a float64 transform of some frames: [bins, numbers]."""
    power = np.empty((framing.bins, len(numbers)), dtype=np.float32)
    kernels().store_power(np.fft.rfft(framing.windowed_some(numbers), axis=1), 0, power)
    return power


@functools.lru_cache(maxsize=8)
def _bands(sample_rate: int, n_fft: int, n_mels: tuple[int, ...]) -> Bands:
    """Return the bands of several banks, and a last one that is the mean over all bins."""
    banks = [mel_filters(sample_rate, n_fft, count) for count in n_mels]
    bins = 1 + n_fft // 2
    return Bands.of(np.concatenate([*banks, np.full((1, bins), 1 / bins, np.float32)]))
