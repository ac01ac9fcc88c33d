"""SpecAugment's masks: Park et al. 2019, "SpecAugment"."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from pydantic import Field

from jobs.extract.config import FeatureConfig
from jobs.train.augment.augmentation import Augmentation, Batch, Drawn, Rows, counted, whole_between

if TYPE_CHECKING:
    from torch import Tensor


class SpecAugment(Augmentation):
    """Sets stripes of bands and of frames to the clip's mean, 0."""

    name: ClassVar[str] = "mask"
    title: ClassVar[str] = "SpecAugment"
    neutral: ClassVar[Mapping[str, float]] = {"band_width": 0, "frame_width": 0}

    mask_p: float = Field(0, ge=0, le=1, description="probability of SpecAugment's masks")
    masks: int = Field(2, ge=1, le=10, description="masks of bands, and as many of frames")
    mask_bands: int = Field(8, ge=0, le=1024, description="bands of one mask, at most")
    mask_frames: int = Field(25, ge=0, le=100_000, description="frames of one mask, at most")

    @classmethod
    def unused_settings(cls, features: FeatureConfig) -> tuple[str, ...]:
        return () if features.kind.has_frames else ("mask_frames",)

    def draw(self, rng: np.random.Generator, visits: int, shape: tuple[int, int]) -> Drawn:
        """Draw [visits, masks] of starts and widths; a width of 0 is no stripe."""
        uniform = rng.random((visits, 1 + 4 * self.masks))
        hit = self.hits(uniform[:, :1])
        parts = np.split(uniform[:, 1:], 4, axis=1)
        drawn: Drawn = {}
        for name, start, width, size, widest in (
            ("band", parts[0], parts[1], shape[0], self.mask_bands),
            ("frame", parts[2], parts[3], shape[1], self.mask_frames),
        ):
            # Never a mask of everything: the single frame of v3 stays.
            widths = np.where(hit, whole_between(0, min(widest, size - 1), width), 0)
            drawn[f"{name}_width"] = widths
            drawn[f"{name}_start"] = whole_between(0, size - widths, start)
        return drawn

    def apply(self, batch: Batch, rows: Rows) -> Batch:
        x = covered(batch.features, rows["band_start"], rows["band_width"], dim=2)
        x = covered(x, rows["frame_start"], rows["frame_width"], dim=3)
        return Batch(x, batch.targets, batch.labels)


def covered(x: "Tensor", start: "Tensor", width: "Tensor", dim: int) -> "Tensor":
    """Return a batch with stripes of zeros.

    Args:
        x: [batch, 1, bands, frames].
        start, width: int64 [batch, masks].
        dim: 2 for bands, 3 for frames.
    """
    index = counted(x.shape[dim], x)[None, None, :]  # [1, 1, size]
    hit = (index >= start[:, :, None]) & (index < (start + width)[:, :, None])
    shape = [len(x), 1, 1, 1]
    shape[dim] = x.shape[dim]
    return x.masked_fill(hit.any(dim=1).view(shape), 0)
