"""Labelled clips of one side of a fold: features, wherever they rest, and class indices."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from jobs.data.dataset import Dataset
from jobs.data.split import Fold
from jobs.train.clips.readable import readable_clips
from jobs.train.clips.storage import FeatureSource, RawClips, Storage

if TYPE_CHECKING:
    from jobs.extract.store.feature_set import FeatureSet

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LabelledClips:
    """Features and class indices of some labelled clips.

    Attributes:
        positions: which labelled clips.
        features: of these clips, in this order.
        labels: int64 [clips], on the CPU.
        device: where batches go.
    """

    positions: tuple[int, ...]
    features: FeatureSource
    labels: npt.NDArray[np.int64]
    device: str

    def __len__(self) -> int:
        return len(self.positions)

    def batches(
        self, order: npt.NDArray[np.int64], sizes: Sequence[int]
    ) -> Iterator[tuple[int, RawClips, Tensor]]:
        """Yield (offset of the first clip in the order, clips, labels) of each batch."""
        labels = torch.from_numpy(self.labels[order]).to(self.device)
        offset = 0
        for clips in self.features.batches(order, sizes):
            yield offset, clips, labels[offset : offset + len(clips)]
            offset += len(clips)


def load_fold(
    features: "FeatureSet", dataset: Dataset, fold: Fold, storage: Storage
) -> tuple[LabelledClips, LabelledClips]:
    """Return training and validation clips; clips in quarantine drop out.

    Raises:
        InputError: see `readable_clips`.
        DamagedFileError: a shard's checksum does not fit.
    """
    readable = readable_clips(features, dataset, fold)
    resident = storage.fits(features, len(readable))
    if not resident:
        log.info(
            "%.1f MB of features exceed the %.1f MB of memory allowed for them (data_gb), so they "
            "are read from disk again each epoch, which is slower",
            storage.bytes_of(features, len(readable)) / 1e6,
            storage.budget / 1e6,
        )
    training, validation = (
        LabelledClips(
            positions=tuple(positions),
            features=storage.open(features, positions, resident),
            labels=np.array(dataset.labels(positions), dtype=np.int64),
            device=storage.device,
        )
        for positions in (readable.training, readable.validation)
    )
    return training, validation
