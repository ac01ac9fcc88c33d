"""What of a clip can be found again in another cut of its recording, wherever that begins.

Landmarks after Wang: An Industrial-Strength Audio Search Algorithm (ISMIR 2003): the peaks of a
spectrogram stay where they are, whatever is cut off before them. Three peaks and the times between
them are one number, which is rare; two cuts of a recording have many of these numbers in common,
all at one distance in time.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.ndimage import maximum_filter

from jobs.audit.near.fingerprint import TREND
from jobs.audit.near.fluctuations import audible, fluctuations, moving_mean

Floats = npt.NDArray[np.float32]

SMOOTHING = 3  # frames; a cut begins anywhere within one
BANDS_AROUND, FRAMES_AROUND = 2, 4
LEAST_DB = 2.0
# Each peak goes together with two of the five that follow it within a second.
FOLLOWING, LONGEST = 5, 43
BITS, FRAMES_ALIKE = 7, 2


@dataclass(frozen=True)
class Landmarks:
    """Triples of peaks, in the order of their clips.

    Attributes:
        numbers: int64 [triples], what each is.
        clips: int32 [triples], whose it is.
        frames: int32 [triples], where it begins.
    """

    numbers: npt.NDArray[np.int64]
    clips: npt.NDArray[np.int32]
    frames: npt.NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.numbers)

    @classmethod
    def joined(cls, parts: Sequence["Landmarks"]) -> "Landmarks":
        """Put the landmarks of blocks of clips together."""
        return cls(
            np.concatenate([part.numbers for part in parts]),
            np.concatenate([part.clips for part in parts]),
            np.concatenate([part.frames for part in parts]),
        )

    def some(self, share: float) -> "Landmarks":
        """Keep a share of all numbers: the same ones in every clip, so that they still meet."""
        if share >= 1:
            return self
        mixed = self.numbers.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        kept = mixed < np.uint64(int(share * 2**64))
        return Landmarks(self.numbers[kept], self.clips[kept], self.frames[kept])


def landmarks(features: Floats, first_clip: int) -> Landmarks:
    """Return the landmarks of some clips.

    Args:
        features: float32 [clips, bands, frames], log-mel spectrograms in dB.
        first_clip: the number of the first of them.
    """
    extent = moving_mean(fluctuations(features, audible(features), TREND), SMOOTHING)
    around = (1, 2 * BANDS_AROUND + 1, 2 * FRAMES_AROUND + 1)
    is_peak = (extent == maximum_filter(extent, around, mode="constant")) & (extent > LEAST_DB)
    clip, frame, band = np.nonzero(is_peak.transpose(0, 2, 1))
    parts = [
        _triples(clip, frame, band, second, third)
        for second in range(1, FOLLOWING)
        for third in range(second + 1, FOLLOWING + 1)
    ]
    numbers, clips, frames = (np.concatenate(each) for each in zip(*parts, strict=True))
    return Landmarks(numbers, (clips + first_clip).astype(np.int32), frames.astype(np.int32))


def _triples(
    clip: npt.NDArray[np.int64],
    frame: npt.NDArray[np.int64],
    band: npt.NDArray[np.int64],
    second: int,
    third: int,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Join each peak with the `second` and the `third` one after it."""
    first = np.arange(max(0, len(clip) - third))
    later = frame[first + third] - frame[first]
    first = first[
        (clip[first] == clip[first + third]) & (later >= FRAMES_ALIKE) & (later <= LONGEST)
    ]
    number = np.zeros(len(first), np.int64)
    for peak in (first, first + second, first + third):
        number = number << BITS | band[peak]
    for peak in (first + second, first + third):
        number = number << BITS | (frame[peak] - frame[first]) // FRAMES_ALIKE
    return number, clip[first], frame[first]
