"""Random resized crop in time: a part of a clip, stretched to the whole."""

from collections.abc import Mapping
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from jobs.extract.config import FeatureConfig
from jobs.train.augment.augmentation import Augmentation, Batch, Drawn, Rows, between, counted


class TimeCrop(Augmentation):
    """Takes a part of a clip in time and resamples it, linearly between frames, to its length.

    Szegedy et al. 2015, "Going deeper with convolutions", section 6, crop pictures so; here in
    time alone, for a band is a pitch.
    """

    name: ClassVar[str] = "crop"
    title: ClassVar[str] = "resized crop"
    scale: ClassVar[Literal["raw", "normalised"]] = "raw"
    neutral: ClassVar[Mapping[str, float]] = {"part": 1}

    crop_p: float = Field(0, ge=0, le=1, description="probability of a crop in time")
    crop_min: float = Field(0.7, gt=0, le=1, description="share of the clip that is kept, at least")

    @classmethod
    def suited_to(cls, features: FeatureConfig) -> bool:
        return features.kind.has_frames

    def draw(self, rng: np.random.Generator, visits: int, shape: tuple[int, int]) -> Drawn:
        """Draw `part`, the share that is kept, and `start`, the frame at which it begins."""
        hit, how_much, where = rng.random((visits, 3)).T
        part = np.where(self.hits(hit), between(self.crop_min, 1, how_much), 1)
        return {"part": part, "start": (1 - part) * (shape[1] - 1) * where}

    def apply(self, batch: Batch, rows: Rows) -> Batch:
        import torch

        x = batch.features
        last = x.shape[3] - 1
        seen_at = rows["start"][:, None] + counted(last + 1, x).float() * rows["part"][:, None]
        before = seen_at.floor().clamp(max=last)
        left = before.long()
        right = (left + 1).clamp(max=last)
        stretched = torch.lerp(
            torch.take_along_dim(x, left[:, None, None, :], dim=3),
            torch.take_along_dim(x, right[:, None, None, :], dim=3),
            (seen_at - before)[:, None, None, :],
        )
        return Batch(stretched, batch.targets, batch.labels)
