"""Recordings that lie on both sides: of training and validation, or of training and the test."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from jobs.data.dataset import Dataset
from jobs.data.manifest import Clip
from jobs.data.split import Split


@dataclass(frozen=True)
class Known:
    """Clips of one part whose recording another part has too.

    Attributes:
        ids: of the clips.
        example: paths of one of them and of another clip of its recording.
    """

    ids: frozenset[str]
    example: tuple[str, str]


@dataclass(frozen=True)
class Copies:
    """Which clips are of a recording that training has heard; None where there is none.

    Attributes:
        validation: that trains in the fold which validates them.
        holdout: that trains or validates.
        test: that is labelled.
        groups: a number for each recording, by the id of labelled clips that are of one.
    """

    validation: Known | None
    holdout: Known | None
    test: Known | None
    groups: Mapping[str, int]


def find_copies(recordings: Sequence[Sequence[str]], dataset: Dataset, split: Split) -> Copies:
    """Look where the clips of each recording lie.

    Args:
        recordings: the paths of the clips of each that occurs more than once, from the audit.
        dataset: labelled and test clips.
        split: which of them train.
    """
    labelled = {clip.path: clip for clip in dataset.labelled.clips}
    test = {clip.path: clip for clip in dataset.test.clips}
    ours = [[labelled[path] for path in each if path in labelled] for each in recordings]
    theirs = [[test[path] for path in each if path in test] for each in recordings]

    def clips_at(positions: Iterable[int]) -> set[str]:
        return {dataset.labelled.clips[p].id for p in positions}

    validation = []
    for fold in split.folds:
        trains, validates = clips_at(fold.training), clips_at(fold.validation)
        validation += [(_within(clips, validates), _within(clips, trains)) for clips in ours]
    held_out = clips_at(split.holdout)
    rest = {clip.id for clip in dataset.labelled.clips} - held_out
    return Copies(
        validation=_known(validation),
        holdout=_known((_within(clips, held_out), _within(clips, rest)) for clips in ours),
        test=_known(zip(theirs, ours, strict=True)),
        groups={clip.id: number for number, clips in enumerate(ours) for clip in clips},
    )


def _within(clips: Sequence[Clip], ids: set[str]) -> list[Clip]:
    return [clip for clip in clips if clip.id in ids]


def _known(recordings: Iterable[tuple[Sequence[Clip], Sequence[Clip]]]) -> Known | None:
    """Return the clips of the first part, of recordings that lie in both parts."""
    both = [(here, there) for here, there in recordings if here and there]
    if not both:
        return None
    here, there = both[0]
    ids = frozenset(clip.id for clips, _ in both for clip in clips)
    return Known(ids, (here[0].path, there[0].path))
