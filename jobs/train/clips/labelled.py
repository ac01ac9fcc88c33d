"""Labelled clips of one side of the split: features, wherever they rest, and class indices."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from jobs.data.manifest import Manifest
from jobs.data.split import Split
from jobs.errors import InputError
from jobs.extract.feature_set import FeatureSet
from jobs.train.clips.placement import Placed, Storage

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LabelledClips:
    """Normalised features and class indices of some labelled clips.

    Attributes:
        positions: which clips of the manifest.
        features: of these clips, in this order.
        labels: int64 [clips], on the CPU.
        device: where batches go.
    """

    positions: tuple[int, ...]
    features: Placed
    labels: npt.NDArray[np.int64]
    device: str

    def __len__(self) -> int:
        return len(self.positions)

    def batches(
        self, order: npt.NDArray[np.int64], sizes: Sequence[int]
    ) -> Iterator[tuple[int, Tensor, Tensor]]:
        """Yield (place of the first clip in the order, features, labels) of each batch."""
        labels = torch.from_numpy(self.labels[order]).to(self.device)
        place = 0
        for features in self.features.batches(order, sizes):
            yield place, features, labels[place : place + len(features)]
            place += len(features)


def load_split(
    features: FeatureSet, manifest: Manifest, split: Split, storage: Storage
) -> tuple[LabelledClips, LabelledClips]:
    """Return training and validation clips; clips in quarantine drop out.

    Raises:
        InputError: one side has no clip, or training has none of a class.
        DamagedFileError: a shard's checksum does not fit.
    """
    readable = []
    for name, positions in (("training", split.training), ("validation", split.validation)):
        readable.append(features.readable(positions))
        if not readable[-1]:
            raise InputError(f"none of the {len(positions)} {name} clips can be read")
    absent = set(range(len(manifest.classes))) - set(manifest.labels(readable[0]))
    if absent:
        label = manifest.classes[min(absent)]
        raise InputError(f"no training clip of class '{label}' can be read")
    resident = storage.fits(features, sum(map(len, readable)))
    if not resident:
        log.info(
            "%.1f MB of features are more than the %.1f MB that they may take of the memory: they "
            "are read again from disk each epoch, which is slower (data_gb)",
            storage.bytes_of(features, sum(map(len, readable))) / 1e6,
            storage.budget / 1e6,
        )
    training, validation = (
        LabelledClips(
            positions=tuple(positions),
            features=storage.place(features, positions, resident),
            labels=np.array(manifest.labels(positions), dtype=np.int64),
            device=storage.device,
        )
        for positions in readable
    )
    return training, validation
