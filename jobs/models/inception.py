"""Settings of the small Inception: it has one size."""

from typing import TYPE_CHECKING, ClassVar

from jobs.models.net import Net

if TYPE_CHECKING:
    from torch import nn

# Trained values, with one input channel and four classes.
PARAMETERS = 282_000


class Inception(Net):
    """After Szegedy et al. 2015; see `jobs.models.nets.inception`."""

    name: ClassVar[str] = "inception"

    def parameters(self, inputs: int = 0) -> int:
        return PARAMETERS

    def build(self, classes: int) -> "nn.Module":
        from jobs.models.nets.inception import Inception

        return Inception(classes)
