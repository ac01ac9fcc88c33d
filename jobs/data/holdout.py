"""Which clips are held out: decided by what they are, so that hardly anything moves them.

A drawn holdout would be another one after every corrected label or dropped clip, and clips that
trained before would be blind ones now. Here each clip, or group, has a number of its own, a hash;
those with the smallest numbers are held out, as many of each class as its share is. A change to
one clip moves that clip and at most one of each class that it touches; with groups, a few groups.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from jobs.data.dataset import Dataset
from jobs.data.manifest import Clip
from jobs.errors import InputError, quoted
from jobs.words import count

# One each to train, to validate and to hold out.
LEAST_CLIPS = 3
LEFT = LEAST_CLIPS - 1


@dataclass(frozen=True)
class _Unit:
    """Clips that are held out together: those of a group, or the copies of one recording.

    Attributes:
        name: of the group; of a recording its bytes' hash.
        positions: of its clips.
        counts: int64 [classes], how many of each.
    """

    name: str
    positions: tuple[int, ...]
    counts: npt.NDArray[np.int64]

    @property
    def number(self) -> str:
        return hashlib.sha256(self.name.encode()).hexdigest()


def held_out(dataset: Dataset, share: float) -> tuple[int, ...]:
    """Return the positions of the labelled clips that stand outside of all folds, ascending.

    No seed of the grid moves them: what one launch held out, another one must not train on.

    Args:
        dataset: clips with labels; groups stay whole.
        share: of the clips of each class, at least one of them. Whole groups come near to it.

    Raises:
        InputError: a class would have nothing left to train or to validate.
    """
    _require_enough(dataset)
    units = sorted(_units(dataset), key=lambda unit: unit.number)
    totals = sum((unit.counts for unit in units), np.zeros(len(dataset.classes), np.int64))
    wanted = np.maximum(1, share * totals)
    left = sum((unit.counts > 0 for unit in units), np.zeros(len(dataset.classes), np.int64))
    taken, found = np.zeros(len(dataset.classes)), list[int]()
    spare = list[_Unit]()
    for unit in units:
        if (left - 1)[unit.counts > 0].min() < LEFT:
            continue
        spare.append(unit)
        # Half of a clip too many is as good as half too few, and then the clip is none of them.
        if np.abs(taken + unit.counts - wanted).sum() < np.abs(taken - wanted).sum():
            taken, left = taken + unit.counts, left - (unit.counts > 0)
            found += unit.positions
    if not found:
        found = list(_smallest(spare, share).positions)
    return tuple(sorted(found))


def _smallest(units: list[_Unit], share: float) -> _Unit:
    """Return what is held out where every group is larger than twice the share."""
    if not units:
        raise InputError(
            f"`holdout: {share}` keeps groups whole, and each group holds a class of which fewer "
            f"than {LEFT} other groups have clips, one to train and one to validate. Give finer "
            "groups, or drop `holdout`"
        )
    return min(units, key=lambda unit: (unit.counts.sum(), unit.number))


def _units(dataset: Dataset) -> Iterator[_Unit]:
    clips = dataset.labelled.clips
    parts: dict[str, list[int]] = {}
    for position, clip in enumerate(clips):
        parts.setdefault(_name(clip), []).append(position)
    for name, positions in parts.items():
        labels = dataset.labels(positions)
        counts = np.bincount(labels, minlength=len(dataset.classes)).astype(np.int64)
        yield _Unit(name, tuple(positions), counts)


def _name(clip: Clip) -> str:
    if clip.group is not None:
        return f"group {clip.group}"
    return f"recording {clip.sha256 or clip.id}"


def _require_enough(dataset: Dataset) -> None:
    counts = dataset.class_counts
    rarest = min(counts, key=lambda label: counts[label])
    if counts[rarest] < LEAST_CLIPS:
        raise InputError(
            f"class {quoted(rarest)} has only {count(counts[rarest], 'labelled clip')}; "
            f"with `holdout` a class needs at least {LEAST_CLIPS}, one each to train, to "
            "validate and to hold out. Add clips of it, leave it out, or drop `holdout`"
        )
