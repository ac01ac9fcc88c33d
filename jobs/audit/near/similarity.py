"""How similar two clips are, by their log-mel spectrograms."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from jobs.audit.near.candidates import Candidates
from jobs.audit.near.fingerprint import MAX_SHIFT
from jobs.audit.near.fluctuations import at_least, audible, fluctuations

Floats = npt.NDArray[np.float32]

SIMILAR = 0.55  # different recordings of ESC-10 stay below 0.1, one at 32 kbit/s above 0.7
TREND = 15
# Fingerprints see every fourth frame, so the shift of a candidate may be off by two.
SHIFTS_AROUND = 2
EVIDENCE = 100.0  # dB, summed over cells; less fluctuation than this says little
LARGEST = 8.0  # dB; how a sound begins and ends says no more, for many begin and end alike


@dataclass(frozen=True)
class SimilarPair:
    """Two clips that look like one recording.

    Attributes:
        one, other: positions of the clips, one < other.
        similarity: in [SIMILAR, 1], see `verify`.
        shift: frames by which `other` lags behind `one`.
    """

    one: int
    other: int
    similarity: float
    shift: int


@dataclass(frozen=True)
class Outline:
    """What is compared of a clip: level, weight and fluctuation of each cell, [bands, frames]."""

    level: Floats
    weight: Floats
    extent: Floats

    @classmethod
    def of(cls, clip: Floats) -> "Outline":
        """Args: clip: float32 [bands, frames], as for `fingerprint`."""
        weight = audible(clip[None])
        rough = fluctuations(clip[None], weight, TREND)
        extent = np.minimum(np.abs(rough), LARGEST)
        return cls(clip[: weight.shape[1]], weight[0], extent[0])

    def part(self, start: int, frames: int) -> tuple[Floats, Floats, Floats]:
        stop = start + frames
        return self.level[:, start:stop], self.weight[:, start:stop], self.extent[:, start:stop]


def verify(one: Outline, other: Outline, shifts: Iterable[int]) -> tuple[float, int]:
    """Return how similar two clips are at the best shift, and that shift.

    Different recordings differ by as much as they fluctuate, or more; the same recording differs
    by what the encoders did to it. So the similarity is 1 - 2 (d / f)², with d the mean
    difference of their cells, frame by frame regardless of gain, and f the sum of their mean
    fluctuations: for normal fluctuations around equal trends their correlation. It is lowered
    if less than 0.8 of what is audible in either is so in both, or if hardly anything fluctuates.

    Args:
        one, other: the clips.
        shifts: that are tried, in frames; the earlier of equal ones is taken.

    Returns:
        similarity in [-1, 1], and by how many frames `other` lags behind `one`.
    """
    scores = {shift: _similarity(one, other, shift) for shift in shifts}
    best = max(scores, key=lambda shift: scores[shift])
    return scores[best], best


def all_shifts(frames: int) -> list[int]:
    """Return every shift that two clips of so many frames may have, the smallest first."""
    limit = min(MAX_SHIFT, frames // 2)
    return sorted(range(-limit, limit + 1), key=abs)


def verified(found: Candidates, features: Mapping[int, Floats] | Floats) -> list[SimilarPair]:
    """Return those candidates whose features are similar, in the order of the candidates.

    Args:
        found: as `candidates` returns them.
        features: float32 [bands, frames] by position, at least of the clips in it.
    """
    outlines = {int(p): Outline.of(features[int(p)]) for p in np.unique(found.pairs)}
    similar = []
    for (one, other), shift in zip(found.pairs.tolist(), found.shifts.tolist(), strict=True):
        near = _shifts_near(shift, outlines[one].level.shape[1])
        similarity, best = verify(outlines[one], outlines[other], near)
        if similarity >= SIMILAR:
            similar.append(SimilarPair(one, other, similarity, best))
    return similar


def _shifts_near(shift: int, frames: int) -> list[int]:
    """Return the shifts that are tried around one, also where it is that of another cut."""
    if abs(shift) > MAX_SHIFT:
        return [
            s for s in range(shift - SHIFTS_AROUND, shift + SHIFTS_AROUND + 1) if abs(s) < frames
        ]
    allowed = all_shifts(frames)
    return [s for s in allowed if abs(s - shift) <= SHIFTS_AROUND] or allowed


def _similarity(one: Outline, other: Outline, shift: int) -> float:
    frames = one.level.shape[1] - abs(shift)
    level, weight, extent = one.part(max(0, -shift), frames)
    its_level, its_weight, its_extent = other.part(max(0, shift), frames)
    both = np.minimum(weight, its_weight)
    common = float(both.sum() / max(np.maximum(weight, its_weight).sum(), 1.0))
    difference = level - its_level
    difference -= (both * difference).sum(axis=0) / at_least(both.sum(axis=0))
    differing = float((both * np.abs(difference)).sum())
    fluctuating = float((both * (extent + its_extent)).sum())
    similarity = max(-1.0, 1 - 2 * (differing / max(fluctuating, 1e-3)) ** 2)
    return similarity * fluctuating / (fluctuating + EVIDENCE) * min(1.0, common / 0.8)
