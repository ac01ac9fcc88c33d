"""The changes: pure functions of a batch [batch, 1, bands, frames] and one value for each clip.

Features are normalised, so 0 is the mean of a clip and 1 its standard deviation. The value that
does nothing (0 frames, speed 1, ...) gives the same bits back.
"""

import math

import torch
from torch import Tensor


def time_shift(x: Tensor, frames: Tensor) -> Tensor:
    """Move clips to the right; what leaves at the end comes in at the beginning.

    Args:
        x: [batch, 1, bands, frames].
        frames: int64 [batch], by how much.
    """
    source = (_counted(x.shape[3], x) - frames[:, None]) % x.shape[3]
    return torch.take_along_dim(x, source[:, None, None, :], dim=3)


def change_speed(x: Tensor, speed: Tensor) -> Tensor:
    """Resample clips in time, linearly between frames; above 1 is faster.

    A faster clip ends early and begins again, as in `time_shift`; the end of a slower one is cut.

    Args:
        x: [batch, 1, bands, frames].
        speed: float32 [batch].
    """
    place = _counted(x.shape[3], x).float() * speed[:, None]
    before = place.floor()
    weight = (place - before)[:, None, None, :]
    left, right = before.long() % x.shape[3], (before.long() + 1) % x.shape[3]
    return torch.lerp(
        torch.take_along_dim(x, left[:, None, None, :], dim=3),
        torch.take_along_dim(x, right[:, None, None, :], dim=3),
        weight,
    )


def shift_pitch(x: Tensor, bands: Tensor) -> Tensor:
    """Move clips up by mel bands; the outermost band fills what becomes free.

    Args:
        x: [batch, 1, bands, frames].
        bands: int64 [batch], upward.
    """
    source = (_counted(x.shape[2], x) - bands[:, None]).clamp(0, x.shape[2] - 1)
    return torch.take_along_dim(x, source[:, None, :, None], dim=2)


def add_noise(x: Tensor, deviation: Tensor, seed: Tensor) -> Tensor:
    """Add white Gaussian noise.

    Args:
        x: [batch, 1, bands, frames].
        deviation: float32 [batch], standard deviation of the noise.
        seed: int64 [batch]; the noise of a clip depends on it alone.
    """
    return x + deviation[:, None, None, None] * gaussian(seed, x[0].numel()).view(x.shape)


def mixup(x: Tensor, targets: Tensor, share: Tensor, partner: Tensor) -> tuple[Tensor, Tensor]:
    """Blend clips, and their targets, with others of the batch: Zhang et al. 2017, "mixup".

    Args:
        x: [batch, 1, bands, frames].
        targets: float32 [batch, classes].
        share: float32 [batch], of the clip itself.
        partner: float32 [batch] in [0, 1]: which clip is blended in.

    Returns:
        Blended features and targets.
    """
    # Rounded to float32, a number just below 1 is 1.
    other = (partner * len(x)).long().clamp(max=len(x) - 1)
    own = share[:, None]
    blended = torch.lerp(x[other], x, own[:, :, None, None])
    return blended, torch.lerp(targets[other], targets, own)


def mask(x: Tensor, start: Tensor, width: Tensor, dim: int) -> Tensor:
    """Set stripes to the clip's mean, 0: Park et al. 2019, "SpecAugment".

    Args:
        x: [batch, 1, bands, frames].
        start: int64 [batch, masks].
        width: int64 [batch, masks]; 0 is no stripe.
        dim: 2 for bands, 3 for frames.
    """
    places = _counted(x.shape[dim], x)[None, None, :]  # [1, 1, size]
    hit = (places >= start[:, :, None]) & (places < (start + width)[:, :, None])
    hit = hit.any(dim=1)  # [batch, size]
    shape = [len(x), 1, 1, 1]
    shape[dim] = x.shape[dim]
    return x.masked_fill(hit.view(shape), 0)


def gaussian(seed: Tensor, count: int) -> Tensor:
    """Return float32 [seeds, count] of a standard normal distribution, on the device of `seed`.

    Counter-based, so that a number depends on its seed and place alone: SplitMix64 (Steele et al.
    2014, "Fast Splittable Pseudorandom Number Generators") gives 64 bits, of which Box and Muller
    (1958) make two numbers.
    """
    pairs = -(-count // 2)
    bits = _split_mix(_split_mix(seed)[:, None] + _counted(pairs, seed) * _GAMMA)
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


def _split_mix(z: Tensor) -> Tensor:
    z = (z ^ _shifted(z, 30)) * _MIX_1
    z = (z ^ _shifted(z, 27)) * _MIX_2
    return z ^ _shifted(z, 31)


def _shifted(z: Tensor, bits: int) -> Tensor:
    """Shift right and fill with zeros; torch's own shift repeats the sign."""
    return (z >> bits) & (2 ** (64 - bits) - 1)


def _counted(count: int, like: Tensor) -> Tensor:
    return torch.arange(count, device=like.device)
