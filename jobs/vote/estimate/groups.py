"""The groups of clips as numbers, and those that a test is taken to have."""

from collections.abc import Sequence

import numpy as np

from jobs.data.dataset import Dataset
from jobs.vote.estimate.interval import Numbers, Sample


def group_numbers(dataset: Dataset, ids: Sequence[str]) -> Numbers:
    """Return a number for the group of each labelled clip, int64 [clips].

    A clip without a group is a group of its own.
    """
    of_id = {clip.id: clip.group for clip in dataset.labelled.clips}
    names: dict[str, int] = {}
    found = [of_id[i] if of_id[i] is not None else f"\0{i}" for i in ids]
    return np.array([names.setdefault(str(name), len(names)) for name in found], np.int64)


def sample_of_test(dataset: Dataset) -> Sample:
    """Return how large the test is, and its groups: new ones as large as in training, if unsaid."""
    labelled = [clip.group for clip in dataset.labelled.clips]
    clips = dataset.test.clips
    if not clips:  # as if it were one more share to validate on
        return Sample(np.ones(max(1, len(labelled) // 5), np.int64))
    if any(clip.group is not None for clip in clips):
        names = [str(c.group) if c.group is not None else f"\0{c.id}" for c in clips]
        return Sample(np.unique(names, return_counts=True)[1].astype(np.int64))
    named = [group for group in labelled if group is not None]
    if not named:
        return Sample(np.ones(len(clips), np.int64))
    groups = max(1, round(len(clips) * len(set(named)) / len(named)))
    return Sample(np.bincount(np.arange(len(clips)) % groups).astype(np.int64))
