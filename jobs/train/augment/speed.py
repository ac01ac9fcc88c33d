"""Speed: a clip is faster or slower."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from pydantic import Field

from jobs.extract.config import FeatureConfig
from jobs.train.augment.augmentation import Augmentation, Batch, Drawn, Rows, between, counted


class Speed(Augmentation):
    """Resamples clips in time, linearly between frames; above 1 is faster.

    A faster clip ends early and begins again, as in a time shift; the end of a slower one is cut.
    """

    name: ClassVar[str] = "speed"
    title: ClassVar[str] = "speed change"
    neutral: ClassVar[Mapping[str, float]] = {"speed": 1}

    speed_p: float = Field(0, ge=0, le=1, description="probability of another speed")
    speed_max: float = Field(0.15, ge=0, le=0.9, description="0.15: between 0.85 and 1.15")

    @classmethod
    def suited_to(cls, features: FeatureConfig) -> bool:
        return features.kind.has_frames

    def draw(self, rng: np.random.Generator, visits: int, shape: tuple[int, int]) -> Drawn:
        hit, how_fast = rng.random((visits, 2)).T
        speed = between(1 - self.speed_max, 1 + self.speed_max, how_fast)
        return {"speed": np.where(self.hits(hit), speed, 1)}

    def apply(self, batch: Batch, rows: Rows) -> Batch:
        import torch

        x = batch.features
        frames = x.shape[3]
        heard_at = counted(frames, x).float() * rows["speed"][:, None]  # [batch, frames]
        before = heard_at.floor()
        left, right = before.long() % frames, (before.long() + 1) % frames
        resampled = torch.lerp(
            torch.take_along_dim(x, left[:, None, None, :], dim=3),
            torch.take_along_dim(x, right[:, None, None, :], dim=3),
            (heard_at - before)[:, None, None, :],
        )
        return Batch(resampled, batch.targets, batch.labels)
