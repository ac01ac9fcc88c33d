"""Random equaliser: another microphone, another room."""

from collections.abc import Mapping
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from jobs.extract.config import FeatureConfig
from jobs.train.augment.augmentation import Augmentation, Batch, Drawn, Rows, between
from jobs.train.augment.decibels import FLOOR_DB, below_peak, is_silent


class Equaliser(Augmentation):
    """Adds a random curve over the bands in dB: Nam et al. 2022, "FilterAugment", linear type.

    The curve is straight between a few bands that stand equally far apart, where its values are
    drawn. What lies at the floor stays there, it is silence or padding; a silent clip stays silent.
    """

    name: ClassVar[str] = "equaliser"
    title: ClassVar[str] = "equaliser"
    scale: ClassVar[Literal["raw", "normalised"]] = "raw"
    neutral: ClassVar[Mapping[str, float]] = {"gain": 0}

    equaliser_p: float = Field(0, ge=0, le=1, description="probability of an equaliser")
    equaliser_db: float = Field(6, ge=0, le=60, description="its largest gain or loss, in dB")
    equaliser_points: int = Field(5, ge=2, le=64, description="bands at which it is drawn")

    @classmethod
    def suited_to(cls, features: FeatureConfig) -> bool:
        return features.kind.bands_are_mel

    def draw(self, rng: np.random.Generator, visits: int, shape: tuple[int, int]) -> Drawn:
        """Draw `gain` [visits, bands] in dB."""
        uniform = rng.random((visits, 1 + self.equaliser_points))
        drawn = between(-self.equaliser_db, self.equaliser_db, uniform[:, 1:])
        # Straight lines between the points: each band's share of the two beside it.
        place = np.linspace(0, self.equaliser_points - 1, shape[0])
        left = np.minimum(place.astype(np.int64), self.equaliser_points - 2)
        share = place - left
        curve = (1 - share) * drawn[:, left] + share * drawn[:, left + 1]
        return {"gain": np.where(self.hits(uniform[:, :1]), curve, 0)}

    def apply(self, batch: Batch, rows: Rows) -> Batch:
        x, gain = batch.features, rows["gain"][:, None, :, None]
        changed = below_peak(x + gain).where(x > FLOOR_DB, FLOOR_DB)
        any_gain = (gain != 0).any(dim=2, keepdim=True) & ~is_silent(x)[:, None, None, None]
        return Batch(changed.where(any_gain, x), batch.targets, batch.labels)
