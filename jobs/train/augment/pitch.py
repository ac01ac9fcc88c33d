"""Pitch: a clip is higher or lower."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from pydantic import Field

from jobs.extract.config import FeatureConfig
from jobs.train.augment.augmentation import Augmentation, Batch, Drawn, Rows, counted, whole_between


class Pitch(Augmentation):
    """Moves clips by mel bands; the outermost band fills what becomes free."""

    name: ClassVar[str] = "pitch"
    title: ClassVar[str] = "pitch shift"
    neutral: ClassVar[Mapping[str, float]] = {"pitch": 0}

    pitch_p: float = Field(0, ge=0, le=1, description="probability of another pitch; v1 alone")
    pitch_max: int = Field(3, ge=0, le=1024, description="mel bins, up or down")

    @classmethod
    def suited_to(cls, features: FeatureConfig) -> bool:
        """Not all rows of v2 are mel bands, and v3 is their mean."""
        return features.kind.bands_are_mel

    def draw(self, rng: np.random.Generator, visits: int, shape: tuple[int, int]) -> Drawn:
        hit, how_far = rng.random((visits, 2)).T
        bands = whole_between(-self.pitch_max, self.pitch_max, how_far)
        return {"pitch": np.where(self.hits(hit), bands, 0)}

    def apply(self, batch: Batch, rows: Rows) -> Batch:
        import torch

        x = batch.features
        source = (counted(x.shape[2], x) - rows["pitch"][:, None]).clamp(0, x.shape[2] - 1)
        moved = torch.take_along_dim(x, source[:, None, :, None], dim=2)
        return Batch(moved, batch.targets, batch.labels)
