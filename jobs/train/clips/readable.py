"""Which clips of a fold can be read."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from jobs.data.dataset import Dataset
from jobs.data.split import Fold
from jobs.errors import InputError

if TYPE_CHECKING:
    from jobs.extract.store.feature_set import FeatureSet


@dataclass(frozen=True)
class Readable:
    """Positions of the clips on each side of a fold that have features."""

    training: list[int]
    validation: list[int]

    def __len__(self) -> int:
        return len(self.training) + len(self.validation)


def readable_clips(features: "FeatureSet", dataset: Dataset, fold: Fold) -> Readable:
    """Return the clips of a fold without those in quarantine.

    Raises:
        InputError: one side has no clip, or training has none of a class.
    """
    readable = Readable(features.readable(fold.training), features.readable(fold.validation))
    for side in ("training", "validation"):
        if not getattr(readable, side):
            raise InputError(f"none of the {len(getattr(fold, side))} {side} clips can be read")
    absent = set(range(len(dataset.classes))) - set(dataset.labels(readable.training))
    if absent:
        label = dataset.classes[min(absent)]
        raise InputError(f"no training clip of class '{label}' can be read")
    return readable
