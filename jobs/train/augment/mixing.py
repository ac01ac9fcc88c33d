"""Mixing of sounds: Tokozume et al. 2018, "Learning from Between-class Examples"."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from pydantic import Field

from jobs.extract.config import FeatureConfig
from jobs.train.augment.augmentation import Augmentation, Batch, Drawn, Rows, between
from jobs.train.augment.decibels import (
    EVERYTHING,
    FLOOR_DB,
    below_peak,
    in_decibels,
    is_silent,
    power,
)

if TYPE_CHECKING:
    from torch import Tensor


class Mixing(Augmentation):
    """Mixes clips with others of the batch as sounds mix: their powers add.

    Tokozume et al. add waveforms p x1 + (1 - p) x2, where p makes the first r : (1 - r) as loud as
    the second, and give the mix the target r t1 + (1 - r) t2. Of waveforms whose phases have
    nothing to do with each other, the power that is to be expected is p^2 P1 + (1 - p)^2 P2: that
    is what is taken here, on mel bands. What differs: partners may be of the clip's own class, and
    r is at least a half, so that a clip keeps the label that accuracy counts; with random partners
    that is the same distribution. There is no change of level: v1 has none.
    """

    name: ClassVar[str] = "mixing"
    title: ClassVar[str] = "mixing"
    scale: ClassVar[Literal["raw", "normalised"]] = "raw"
    blends: ClassVar[bool] = True
    neutral: ClassVar[Mapping[str, float]] = {"ratio": 1}

    mixing_p: float = Field(0, ge=0, le=1, description="probability of mixing with another clip")

    @classmethod
    def suited_to(cls, features: FeatureConfig) -> bool:
        return features.kind.bands_are_mel

    def draw(self, rng: np.random.Generator, visits: int, shape: tuple[int, int]) -> Drawn:
        """Draw `ratio`, r of the clip itself, and `partner` in [0, 1], which clip is mixed in."""
        hit, how_much, partner = rng.random((visits, 3)).T
        ratio = np.where(self.hits(hit), between(0.5, 1, how_much), 1)
        return {"ratio": ratio, "partner": partner}

    def apply(self, batch: Batch, rows: Rows) -> Batch:
        import torch
        import torch.nn.functional as F

        x, targets = batch.features, batch.targets
        if targets.dim() == 1:
            targets = F.one_hot(targets, rows.classes).to(x.dtype)
        # Rounded to float32, a number just below 1 is 1.
        other = (rows["partner"] * len(x)).long().clamp(max=len(x) - 1)
        silent = is_silent(x)
        ratio = rows["ratio"].where(~(silent | silent[other]), 1.0)[:, None]
        mixed = mixed_powers(x, x[other], ratio[:, :, None, None])
        mixed = mixed.where(ratio[:, :, None, None] < 1, x)
        return Batch(mixed, torch.lerp(targets[other], targets, ratio), batch.labels)


def mixed_powers(first: "Tensor", second: "Tensor", ratio: "Tensor") -> "Tensor":
    """Return the expected spectrogram of two sounds, in dB below its loudest value.

    Args:
        first, second: [batch, 1, bands, frames], in dB below each clip's loudest value.
        ratio: [batch, 1, 1, 1], how loud the first is to be heard, against 1 - ratio.
    """
    powers = power(first), power(second)
    # Root mean square over the clip stands for the sound pressure level of the paper's G.
    levels = [each.mean(dim=EVERYTHING, keepdim=True).sqrt() for each in powers]
    first_part = 1 / (1 + levels[0] / levels[1] * (1 - ratio) / ratio)
    mixed = below_peak(in_decibels(first_part**2 * powers[0] + (1 - first_part) ** 2 * powers[1]))
    # Where both are silent there is nothing to add.
    return mixed.where((first > FLOOR_DB) | (second > FLOOR_DB), FLOOR_DB)
