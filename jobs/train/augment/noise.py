"""Noise: white and Gaussian, added to every value."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from pydantic import Field

from jobs.train.augment.augmentation import Augmentation, Batch, Drawn, Rows, between, counted

if TYPE_CHECKING:
    from torch import Tensor


class Noise(Augmentation):
    """Adds white Gaussian noise of a random strength; a clip's depends on its seed alone."""

    name: ClassVar[str] = "noise"
    title: ClassVar[str] = "noise"
    neutral: ClassVar[Mapping[str, float]] = {"noise": 0}

    noise_p: float = Field(0, ge=0, le=1, description="probability of noise")
    noise_max: float = Field(0.3, ge=0, le=100, description="standard deviations of the clip")

    def draw(self, rng: np.random.Generator, visits: int, shape: tuple[int, int]) -> Drawn:
        hit, how_loud, seed = rng.random((visits, 3)).T
        noise = np.where(self.hits(hit), between(0, self.noise_max, how_loud), 0)
        return {"noise": noise, "seed": (seed * 2**53).astype(np.int64)}

    def apply(self, batch: Batch, rows: Rows) -> Batch:
        x = batch.features
        white = gaussian(rows["seed"], x[0].numel()).view(x.shape)
        noisy = x + rows["noise"][:, None, None, None] * white
        return Batch(noisy, batch.targets, batch.labels)


def gaussian(seed: "Tensor", count: int) -> "Tensor":
    """Return float32 [seeds, count] of a standard normal distribution, on the device of `seed`.

    Counter-based, so that a number depends on its seed and place alone: SplitMix64 (Steele et al.
    2014, "Fast Splittable Pseudorandom Number Generators") gives 64 bits, of which Box and Muller
    (1958) make two numbers.
    """
    import torch

    pairs = -(-count // 2)
    bits = _split_mix(_split_mix(seed)[:, None] + counted(pairs, seed) * _GAMMA)
    first = ((bits & _24_BITS) + 1).float() / 2**24  # (0, 1]: its logarithm is finite
    second = ((bits >> 24) & _24_BITS).float() / 2**24
    radius = (-2 * first.log()).sqrt()
    angle = 2 * math.pi * second
    return torch.cat([radius * angle.cos(), radius * angle.sin()], dim=1)[:, :count]


# As signed 64-bit integers: torch has no unsigned arithmetic, and wrapping is the same.
_GAMMA = 0x9E3779B97F4A7C15 - 2**64
_MIX_1 = 0xBF58476D1CE4E5B9 - 2**64
_MIX_2 = 0x94D049BB133111EB - 2**64
_24_BITS = 2**24 - 1


def _split_mix(z: "Tensor") -> "Tensor":
    z = (z ^ _shifted(z, 30)) * _MIX_1
    z = (z ^ _shifted(z, 27)) * _MIX_2
    return z ^ _shifted(z, 31)


def _shifted(z: "Tensor", bits: int) -> "Tensor":
    """Shift right and fill with zeros; torch's own shift repeats the sign."""
    return (z >> bits) & (2 ** (64 - bits) - 1)
