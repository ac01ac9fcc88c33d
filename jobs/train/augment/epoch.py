"""One epoch's changes: drawn at its start, applied to its batches in turn on their device."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from jobs.models.normalise import normalised_anew
from jobs.train.augment.augmentation import Augmentation, Batch, Drawn, Rows, stream
from jobs.train.clips.storage import RawClips


@dataclass
class EpochChanges:
    """The changes of one epoch; without any, batches are only normalised.

    Args:
        augmentations: those that are on, in their order.
        shape: bands and frames of a clip.
        classes: how many there are.
        seed, epoch: decide all that is drawn.
        visits: clips that the epoch visits.
        device: of the batches.
    """

    augmentations: Sequence[Augmentation]
    shape: tuple[int, int]
    classes: int
    seed: int
    epoch: int
    visits: int
    device: str
    drawn: list[tuple[Augmentation, dict[str, Tensor], torch.Generator]] = field(init=False)

    def __post_init__(self) -> None:
        self.drawn = []
        for augmentation in self.augmentations:
            entropy = stream(self.seed, self.epoch, augmentation.name)
            rng = np.random.default_rng(entropy)
            columns = augmentation.draw(rng, self.visits, self.shape)
            generator = torch.Generator(self.device)
            generator.manual_seed(int(np.random.SeedSequence(entropy).generate_state(1)[0]))
            self.drawn.append((augmentation, on_device(columns, self.device), generator))

    def apply(self, offset: int, raw: RawClips, labels: Tensor) -> Batch:
        """Normalise a batch and change it; batches must come in their order.

        Args:
            offset: of its first clip in the epoch.
            raw: its clips.
            labels: int64 [batch].
        """
        batch = Batch(raw.features, labels, labels)
        for changed in (a for a in self.drawn if a[0].scale == "raw"):
            batch = self._changed(offset, batch, *changed)
        x = raw.normalised() if batch.features is raw.features else normalised_anew(batch.features)
        batch = Batch(x, batch.targets, labels)
        for changed in (a for a in self.drawn if a[0].scale == "normalised"):
            batch = self._changed(offset, batch, *changed)
        return batch

    def _changed(
        self,
        offset: int,
        batch: Batch,
        augmentation: Augmentation,
        columns: dict[str, Tensor],
        generator: torch.Generator,
    ) -> Batch:
        stop = offset + len(batch.labels)
        rows = {name: values[offset:stop] for name, values in columns.items()}
        return augmentation.apply(batch, Rows(rows, generator, self.classes))


def on_device(drawn: Drawn, device: str) -> dict[str, Tensor]:
    """Return drawn columns as float32 or int64 tensors."""
    return {name: _tensor(values).to(device) for name, values in drawn.items()}


def _tensor(values: npt.NDArray[np.generic]) -> Tensor:
    kind = np.float32 if np.issubdtype(values.dtype, np.floating) else np.int64
    return torch.from_numpy(np.ascontiguousarray(values, dtype=kind))
