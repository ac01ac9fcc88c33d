"""Whether two clips are one recording, by their samples: spectrograms alone cannot tell.

Takes of one word by one speaker, calls of one bird, clicks of one mouse look alike in a spectrogram
of 23 ms frames. Their waveforms do not: only a copy has the same phases.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import scipy.fft

Floats = npt.NDArray[np.float32]

# Copies of ESC-10 correlate by 0.84 or more at 32 kbit/s and by 0.97 at 64; different takes of one
# made word by 0.83 at most, calls of one made bird by 0.85, both with a chance (see `Match`) of
# 0.02 to 0.06. Clicks of three resonances, a chance of 0.2, reach 0.94, and their copies 0.977.
SAME, PER_CHANCE = 0.8, 4.5
LONGEST_SHIFT_S = 0.3
LEAST_SOUND_S = 0.05
SILENT_BELOW = 1e-3  # of the loudest sample
# Encoders drop what is above, and rooms hum below.
LOWEST_HZ, HIGHEST_HZ = 80.0, 4_000.0
# The spectrum is levelled over a band of this share of its frequency: about a third of an octave.
SMOOTHED_OVER = 0.12
# Of the loudest band; what is weaker is what the encoder left.
AUDIBLE = 1e-4
LEAST_IN_COMMON = 0.25
ENVELOPE_S = 0.005


@dataclass(frozen=True)
class Match:
    """Two clips at the shift at which they correlate most.

    Attributes:
        correlation: in [0, 1], normalised over what they have in common, whatever the polarity.
        shift_s: seconds by which the second one lags behind the first.
        chance: the standard deviation that the correlation of unrelated clips with these spectra
            and envelopes has. Of rain it is 0.01; of a click, which has few values of its own, 0.2.
    """

    correlation: float
    shift_s: float
    chance: float

    @property
    def is_same(self) -> bool:
        """Whether both are one recording: the less a clip says, the more alike they must be."""
        needed = np.tanh(np.arctanh(SAME) + PER_CHANCE * self.chance)
        return self.correlation >= float(needed)


NO_MATCH = Match(0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Heard:
    """The audible part of a clip with its spectrum levelled, so that each band counts alike.

    Attributes:
        samples: float32 [samples].
        start: position of the first of them in the clip.
        rate: in Hz.
    """

    samples: Floats
    start: int
    rate: int

    @cached_property
    def concentration(self) -> float:
        """One over the number of samples among which the energy is shared."""
        block = round(ENVELOPE_S * self.rate)
        count = max(1, len(self.samples) // block)
        energy = np.square(self.samples[: count * block].reshape(count, -1)).sum(axis=1)
        return float(np.square(energy).sum() / np.square(energy.sum()) / block)

    @classmethod
    def of(cls, samples: Floats, rate: int) -> "Heard":
        """Leave out padding and silence at both ends, and level the rest.

        Args:
            samples: float32 [samples], as `decode` returns them.
            rate: in Hz.
        """
        loud = np.flatnonzero(np.abs(samples) > SILENT_BELOW * np.abs(samples).max(initial=0))
        if len(loud) < LEAST_SOUND_S * rate:
            return cls(np.empty(0, dtype=np.float32), 0, rate)
        start, stop = int(loud[0]), int(loud[-1]) + 1
        levelled = _levelled(samples[start:stop], rate)
        # A sound may lie outside of the bands that are compared.
        return cls(levelled if levelled.any() else levelled[:0], start, rate)


def match(one: Heard, other: Heard) -> Match:
    """Shift two clips against each other; `NO_MATCH` if there is too little to compare."""
    a, b = one.samples.astype(np.float64), other.samples.astype(np.float64)
    # Sample i of `one` meets sample i + offset of `other`.
    reach = round(LONGEST_SHIFT_S * one.rate)
    offsets = np.arange(-reach, reach + 1) + one.start - other.start
    offsets = offsets[(offsets > -len(a)) & (offsets < len(b))]
    if not len(a) or not len(b) or not len(offsets):
        return NO_MATCH
    length = scipy.fft.next_fast_len(len(a) + len(b), real=True)
    mine, its = scipy.fft.rfft(a, length), scipy.fft.rfft(b, length)
    products = np.abs(scipy.fft.irfft(np.conj(mine) * its, length)[offsets])
    common = _common_energy(a, b, offsets)
    least = LEAST_IN_COMMON * np.sqrt(np.dot(a, a) * np.dot(b, b))
    score = np.where(common > least, products / np.maximum(common, 1e-30), 0.0)
    best = int(score.argmax())
    shift = int(offsets[best]) - one.start + other.start
    # Over all lags, the product of both autocorrelations: in how many samples a value is repeated.
    powers = np.abs(mine) ** 2 * np.abs(its) ** 2
    repeated = 2 * powers.sum() / length / (np.dot(a, a) * np.dot(b, b))
    chance = np.sqrt(repeated * np.sqrt(one.concentration * other.concentration))
    return Match(float(min(1.0, score[best])), shift / one.rate, float(chance))


def _common_energy(
    a: npt.NDArray[np.float64], b: npt.NDArray[np.float64], offsets: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """Return the geometric mean of the energies that overlap at each offset."""
    first, last = np.maximum(0, -offsets), np.minimum(len(a), len(b) - offsets)
    mine, its = _energy(a), _energy(b)
    product = (mine[last] - mine[first]) * (its[last + offsets] - its[first + offsets])
    return np.asarray(np.sqrt(np.maximum(0, product)))


def _energy(samples: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the energy up to each sample."""
    return np.concatenate([[0.0], np.cumsum(samples**2)])


def _levelled(samples: Floats, rate: int) -> Floats:
    """Divide the spectrum by its own smoothed magnitude, and leave out what is not compared."""
    length = scipy.fft.next_fast_len(len(samples), real=True)
    spectrum = scipy.fft.rfft(samples, length)
    hz = np.arange(len(spectrum)) * rate / length
    power = np.abs(spectrum).astype(np.float64) ** 2
    sums = np.concatenate([[0.0], np.cumsum(power)])
    bins = np.arange(len(power))
    width = np.maximum(8, SMOOTHED_OVER * bins).astype(np.int64)
    low, high = np.maximum(0, bins - width), np.minimum(len(power), bins + width + 1)
    smooth = (sums[high] - sums[low]) / (high - low)
    inside = (hz > LOWEST_HZ) & (hz < HIGHEST_HZ)
    floor = AUDIBLE * smooth[inside].max(initial=0)
    gain = np.where(inside, 1 / np.sqrt(smooth + floor + 1e-30), 0)
    levelled = scipy.fft.irfft(spectrum * gain, length)[: len(samples)]
    return np.asarray(levelled, dtype=np.float32)
