"""Clips on the scale of v1: dB below each clip's loudest value, from -80 to 0.

A change on this scale stays what extraction could have made: the loudest value is 0 again, and
nothing lies below the floor.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

# librosa's power_to_db keeps this much below the loudest value.
FLOOR_DB = -80.0
EVERYTHING = (1, 2, 3)


def below_peak(x: "Tensor") -> "Tensor":
    """Return dB [batch, 1, bands, frames] with each clip's loudest value at 0, cut at the floor."""
    return (x - x.amax(dim=EVERYTHING, keepdim=True)).clamp(min=FLOOR_DB)


def power(x: "Tensor") -> "Tensor":
    """Return the powers of dB; 1 is a clip's loudest value."""
    powers: Tensor = 10 ** (x / 10)
    return powers


def in_decibels(powers: "Tensor") -> "Tensor":
    """Return dB of powers, as far down as the floor of the quieter of two mixed clips."""
    return 10 * powers.clamp(min=1e-16).log10()


def is_silent(x: "Tensor") -> "Tensor":
    """Return bool [batch]: v1 of digital silence has one value everywhere, its own loudest."""
    return x.amax(dim=EVERYTHING) == x.amin(dim=EVERYTHING)
