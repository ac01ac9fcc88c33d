"""Settings of the plain CNN: it has one size."""

from typing import TYPE_CHECKING, ClassVar

from jobs.models.net import Net

if TYPE_CHECKING:
    from torch import nn

# Trained values, with one input channel and four classes.
PARAMETERS = 1_173_000


class Cnn(Net):
    """After Simonyan & Zisserman 2014; see `jobs.models.nets.cnn`."""

    name: ClassVar[str] = "cnn"

    def parameters(self, inputs: int = 0) -> int:
        return PARAMETERS

    def build(self, classes: int) -> "nn.Module":
        from jobs.models.nets.cnn import PlainCnn

        return PlainCnn(classes)
