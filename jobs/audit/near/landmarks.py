"""What of a clip can be found again in another cut of its recording, wherever that begins.

Landmarks after Wang: An Industrial-Strength Audio Search Algorithm (ISMIR 2003): the peaks of a
spectrogram stay where they are, whatever is cut off before them. Four peaks and the times between
them are one number, which is rare; two cuts of a recording have many of these numbers in common,
all at one distance in time. (Pairs of peaks, as in the paper, are too common among 64 bands: of
12,000 clips of noise-like sound even triples lost a third of the planted cuts.)
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt
from scipy.ndimage import maximum_filter

from jobs.audit.near.fingerprint import TREND
from jobs.audit.near.fluctuations import audible, fluctuations, moving_mean

Floats = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.int64]

SMOOTHING = 3  # frames; a cut begins anywhere within one
BANDS_AROUND, FRAMES_AROUND = 2, 4
LEAST_DB = 2.0
# Each peak goes together with three of the six that follow it within a second.
FOLLOWING, LONGEST = 6, 43
OTHERS = 3
BITS, FRAMES_ALIKE = 7, 2


@dataclass(frozen=True)
class Landmarks:
    """Four peaks each, clips in no order.

    Attributes:
        numbers: int64 [landmarks], what each is.
        clips: int32 [landmarks], whose it is.
        frames: int32 [landmarks], where it begins.
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
        _together(clip, frame, band, others)
        for others in combinations(range(1, FOLLOWING + 1), OTHERS)
    ]
    numbers, clips, frames = (np.concatenate(each) for each in zip(*parts, strict=True))
    return Landmarks(numbers, (clips + first_clip).astype(np.int32), frames.astype(np.int32))


def _together(
    clip: Numbers, frame: Numbers, band: Numbers, others: tuple[int, ...]
) -> tuple[Numbers, Numbers, Numbers]:
    """Join each peak with the ones that come so many after it: its numbers, clips and frames."""
    first = np.arange(max(0, len(clip) - others[-1]))
    later = frame[first + others[-1]] - frame[first]
    is_one = (clip[first] == clip[first + others[-1]]) & (later >= FRAMES_ALIKE)
    first = first[is_one & (later <= LONGEST)]
    number = band[first]
    for other in others:
        number = number << BITS | band[first + other]
    for other in others:
        number = number << BITS | (frame[first + other] - frame[first]) // FRAMES_ALIKE
    return number, clip[first], frame[first]
