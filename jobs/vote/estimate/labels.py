"""Labels to check: clips whose validation predictions speak against their label.

Confident learning: Northcutt, Jiang, Chuang: Confident Learning: Estimating Uncertainty in Dataset
Labels (JAIR 70, 2021). A clip is suspected if the mean of the voters gives another class at least
the probability that clips of that class have of their own on average, and more than its label's.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from jobs.data.dataset import Dataset
from jobs.files import write_csv

SURE = 0.9
HEADER = ("id", "path", "label", "looks_like", "p_label", "p_looks_like")


@dataclass(frozen=True)
class CheckedLabel:
    """A clip whose label may be wrong, with both probabilities."""

    id: str
    label: int
    looks_like: int
    p_label: float
    p_looks_like: float

    @property
    def is_sure(self) -> bool:
        """Whether the voters are sure of the other class; who often errs is often less sure."""
        return self.p_looks_like >= SURE


def labels_to_check(
    ids: Sequence[str], labels: npt.NDArray[np.int64], said: npt.NDArray[np.float64]
) -> list[CheckedLabel]:
    """Return the suspected clips, the surest first: by the probability of the other class.

    Args:
        ids: of the validation clips.
        labels: int64 [clips].
        said: float64 [clips, classes], the voters' mean; NaN where nobody could read a clip.
    """
    readable = np.isfinite(said).all(axis=1)
    classes = said.shape[1]
    typical = np.array(
        [
            said[readable & (labels == k), k].mean() if (readable & (labels == k)).any() else 2.0
            for k in range(classes)
        ]
    )
    found = []
    for clip in np.flatnonzero(readable).tolist():
        row, label = said[clip], int(labels[clip])
        sure = np.where(row >= typical, row, -1.0)
        other = int(sure.argmax())
        if sure[other] > row[label] and other != label:
            found.append(
                CheckedLabel(ids[clip], label, other, float(row[label]), float(row[other]))
            )
    return sorted(found, key=lambda each: (-each.p_looks_like, each.p_label, each.id))


def save_labels_to_check(path: Path, dataset: Dataset, found: Sequence[CheckedLabel]) -> None:
    """Write labels_to_check.csv."""
    paths = {clip.id: clip.path for clip in dataset.labelled.clips}
    classes = dataset.classes
    rows = (
        (each.id, paths[each.id], classes[each.label], classes[each.looks_like],
         f"{each.p_label:.6f}", f"{each.p_looks_like:.6f}")
        for each in found
    )  # fmt: skip
    write_csv(path, HEADER, rows)
