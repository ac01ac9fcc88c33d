"""Which pairs of clips may be cuts of one recording that overlap: they share many landmarks."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from jobs.audit.near.candidates import Candidates
from jobs.audit.near.landmarks import Landmarks

Numbers = npt.NDArray[np.int64]

# What dense sound has of them. Above the most, numbers are thinned out: of 200,000 clips of five
# seconds one in twelve is kept.
LANDMARKS_PER_FRAME, MOST_LANDMARKS = 12, 45_000_000
# What more clips share says little of two of them, and costs the square of it. (Of 200,000 clips
# in which everything is a landmark, six in ten landmarks are shared by more than six.)
MOST_SHARING = 12
# So many at one distance in time, or one frame beside it. Of 141 cuts of ESC-10 at 64 kbit/s that
# have two seconds in common with another clip, nine in ten share as many.
LEAST_SHARED = 5
# Where numbers are thinned out, cuts share fewer, and so does chance: of 200,000 such clips, of
# which 2,000 are cuts, five find 989 (with MOST_SHARING at six) and three 1,911.
LEAST_SHARED_OF_SOME = 3
KEPT_OF_A_CLIP = 16
OFFSETS = 2**17


def share_kept(clips: int, frames: int) -> float:
    """Return which share of all numbers so many clips are compared by, see `Landmarks.some`."""
    return min(1.0, MOST_LANDMARKS / max(1, LANDMARKS_PER_FRAME * clips * frames))


def overlapping(
    found: Landmarks, clips: int, frames: int, least_frames: int, share: float = 1.0
) -> Candidates:
    """Return the pairs that are worth a look at their features.

    Args:
        found: landmarks of all clips, or of each the same share.
        clips: how many there are.
        frames: of a clip.
        least_frames: by which two cuts must overlap.
        share: of all numbers that was kept.
    """
    meetings = np.concatenate([np.empty(0, np.int64), *_meetings(found, clips)])
    met, shared = _counted(meetings)
    offsets = met % OFFSETS - OFFSETS // 2
    least_shared = max(LEAST_SHARED_OF_SOME, round(LEAST_SHARED * share))
    enough = (shared >= least_shared) & (np.abs(offsets) <= frames - least_frames)
    met, shared, offsets = met[enough], shared[enough], offsets[enough]
    best = np.lexsort((np.abs(offsets), -shared, met // OFFSETS))
    best = best[np.diff(met[best] // OFFSETS, prepend=-1) != 0]
    pairs = np.stack([met[best] // OFFSETS // clips, met[best] // OFFSETS % clips], axis=1)
    kept = _most_shared(pairs, shared[best])
    return Candidates(pairs[kept], offsets[best][kept])


def _meetings(found: Landmarks, clips: int) -> Iterator[Numbers]:
    """Yield each time that two clips have a landmark in common, packed with its distance in time.

    A pair is (lower clip * clips + higher clip) * OFFSETS + frames by which the higher one lags.
    """
    order = np.lexsort((found.clips, found.numbers))
    numbers = found.numbers[order]
    begins = np.flatnonzero(np.diff(numbers, prepend=-1))
    sharing = np.diff([*begins, len(numbers)])
    order = order[np.repeat((sharing > 1) & (sharing <= MOST_SHARING), sharing)]
    numbers = found.numbers[order]
    clip, frame = found.clips[order].astype(np.int64), found.frames[order].astype(np.int64)
    for step in range(1, MOST_SHARING):
        # Within one number clips ascend.
        first = np.flatnonzero((numbers[step:] == numbers[:-step]) & (clip[step:] > clip[:-step]))
        second = first + step
        pair = clip[first] * clips + clip[second]
        yield pair * OFFSETS + frame[second] - frame[first] + OFFSETS // 2


def _counted(meetings: Numbers) -> tuple[Numbers, Numbers]:
    """Return each meeting once, and how often it or the one a frame later occurs."""
    met, times = np.unique(meetings, return_counts=True)
    beside = np.zeros_like(times)
    next_frame = np.flatnonzero(np.diff(met) == 1)
    beside[next_frame] = times[next_frame + 1]
    return met, times + beside


def _most_shared(pairs: Numbers, shared: Numbers) -> npt.NDArray[np.bool_]:
    """Keep what one of both clips has among the 16 with which it shares most."""
    ends, both = pairs.T.ravel(), np.tile(shared, 2)
    order = np.lexsort((-both, ends))
    begins = np.flatnonzero(np.diff(ends[order], prepend=-1))
    rank = np.arange(len(order)) - np.repeat(begins, np.diff([*begins, len(order)]))
    kept = np.zeros(len(pairs), np.bool_)
    kept[order[rank < KEPT_OF_A_CLIP] % max(1, len(pairs))] = True
    return kept
