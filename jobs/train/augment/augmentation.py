"""An epoch's changes, applied to batches on their device."""

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor

from jobs.train.augment import transforms
from jobs.train.augment.table import Table, draw_table
from jobs.train.settings.augmentation import AugmentationConfig


@dataclass(frozen=True)
class Augmentation:
    """The changes of one epoch; those with probability 0 cost nothing.

    Shift, speed and pitch move what is there; noise is added to that; mixup blends the results,
    and masks cover the blend.
    """

    config: AugmentationConfig
    table: Table
    classes: int

    @classmethod
    def of_epoch(
        cls,
        config: AugmentationConfig,
        shape: tuple[int, int],
        classes: int,
        seed: int,
        epoch: int,
        visits: int,
        device: str,
    ) -> "Augmentation | None":
        """Draw an epoch's changes; None if the config wants none."""
        if not config.augments:
            return None
        return cls(config, draw_table(config, shape, seed, epoch, visits, device), classes)

    def apply(self, place: int, x: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Change a batch.

        Args:
            place: of its first clip in the epoch.
            x: float32 [batch, 1, bands, frames].
            labels: int64 [batch].

        Returns:
            Features, and targets: the labels, or with mixup float32 [batch, classes].
        """
        rows, config = self.table.rows(place, place + len(x)), self.config
        if config.shift_p:
            x = transforms.time_shift(x, rows.shift)
        if config.speed_p:
            x = transforms.change_speed(x, rows.speed)
        if config.pitch_p:
            x = transforms.shift_pitch(x, rows.pitch)
        if config.noise_p:
            x = transforms.add_noise(x, rows.noise, rows.noise_seed)
        targets = labels
        if config.mixup_p:
            targets = F.one_hot(labels, self.classes).to(x.dtype)
            x, targets = transforms.mixup(x, targets, rows.share, rows.partner)
        if config.mask_p:
            x = transforms.mask(x, rows.band_start, rows.band_width, dim=2)
            x = transforms.mask(x, rows.frame_start, rows.frame_width, dim=3)
        return x, targets
