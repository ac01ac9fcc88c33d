"""Which clips checkpoints predict once they are trained: the test, and what was held out."""

from dataclasses import dataclass

from jobs.data.dataset import LABELLED, TEST, Dataset
from jobs.data.manifest import Manifest
from jobs.data.split import HOLDOUT, Split


@dataclass(frozen=True)
class Target:
    """Clips on which no checkpoint has trained or was chosen.

    Attributes:
        name: test or holdout, as files are named.
        side: of the dataset on which the clips are: test or labelled.
        positions: of the clips in the manifest of that side, ascending.
        clips: themselves, in that order.
    """

    name: str
    side: str
    positions: tuple[int, ...]
    clips: Manifest


def of_test(dataset: Dataset) -> list[Target]:
    """Return the test, if it has clips."""
    clips = tuple(range(len(dataset.test)))
    return [Target(TEST, TEST, clips, dataset.test)] if clips else []


def targets(dataset: Dataset, split: Split) -> list[Target]:
    """Return the test and what was held out, of these what there is."""
    held_out = Target(HOLDOUT, LABELLED, split.holdout, dataset.part(split.holdout).labelled)
    return [*of_test(dataset), *([held_out] if split.holdout else [])]
