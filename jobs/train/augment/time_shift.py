"""Time shift: a clip begins elsewhere."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from pydantic import Field

from jobs.extract.config import FeatureConfig
from jobs.train.augment.augmentation import Augmentation, Batch, Drawn, Rows, between, counted


class TimeShift(Augmentation):
    """Moves clips in time; what leaves at one end comes in at the other."""

    name: ClassVar[str] = "shift"
    title: ClassVar[str] = "time shift"
    neutral: ClassVar[Mapping[str, float]] = {"shift": 0}

    shift_p: float = Field(0, ge=0, le=1, description="probability of a shift in time")
    shift_max: float = Field(0.5, ge=0, le=0.5, description="share of the clip, to either side")

    @classmethod
    def suited_to(cls, features: FeatureConfig) -> bool:
        return features.kind.has_frames

    def draw(self, rng: np.random.Generator, visits: int, shape: tuple[int, int]) -> Drawn:
        hit, how_far = rng.random((visits, 2)).T
        reach = self.shift_max * shape[1]
        frames = np.rint(between(-reach, reach, how_far))
        return {"shift": np.where(self.hits(hit), frames, 0).astype(np.int64)}

    def apply(self, batch: Batch, rows: Rows) -> Batch:
        import torch

        x = batch.features
        source = (counted(x.shape[3], x) - rows["shift"][:, None]) % x.shape[3]
        moved = torch.take_along_dim(x, source[:, None, None, :], dim=3)
        return Batch(moved, batch.targets, batch.labels)
