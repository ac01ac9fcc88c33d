"""Mixup: Zhang et al. 2017, "mixup: Beyond Empirical Risk Minimization"."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from pydantic import Field

from jobs.train.augment.augmentation import Augmentation, Batch, Drawn, Rows


class Mixup(Augmentation):
    """Blends clips, and their targets, with others of the batch."""

    name: ClassVar[str] = "mixup"
    title: ClassVar[str] = "mixup"
    blends: ClassVar[bool] = True
    neutral: ClassVar[Mapping[str, float]] = {"share": 1}

    mixup_p: float = Field(0, ge=0, le=1, description="probability of mixup")
    mixup_alpha: float = Field(0.2, gt=0, le=100, description="both parameters of its Beta")

    def draw(self, rng: np.random.Generator, visits: int, shape: tuple[int, int]) -> Drawn:
        """Draw `share`, of the clip itself, and `partner` in [0, 1], which clip is blended in."""
        from scipy.special import betaincinv

        hit, how_much, partner = rng.random((visits, 3)).T
        beta = betaincinv(self.mixup_alpha, self.mixup_alpha, how_much)
        # Never the smaller of the two: then a clip keeps the label that accuracy counts.
        share = np.where(self.hits(hit), np.maximum(beta, 1 - beta), 1)
        return {"share": share, "partner": partner}

    def apply(self, batch: Batch, rows: Rows) -> Batch:
        import torch
        import torch.nn.functional as F

        x, targets = batch.features, batch.targets
        if targets.dim() == 1:
            targets = F.one_hot(targets, rows.classes).to(x.dtype)
        # Rounded to float32, a number just below 1 is 1.
        other = (rows["partner"] * len(x)).long().clamp(max=len(x) - 1)
        own = rows["share"][:, None]
        blended = torch.lerp(x[other], x, own[:, :, None, None])
        return Batch(blended, torch.lerp(targets[other], targets, own), batch.labels)
