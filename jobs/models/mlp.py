"""Settings of the multilayer perceptron: a small net over vectors, such as embeddings."""

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from jobs.models.net import Net

if TYPE_CHECKING:
    from torch import nn


class Mlp(Net):
    """One hidden layer over the mean of the frames; see `jobs.models.nets.mlp`."""

    name: ClassVar[str] = "mlp"
    takes_vectors: ClassVar[bool] = True

    hidden: int = Field(256, ge=1, le=16_384, description="units of its hidden layer")
    dropout: float = Field(0.3, ge=0, lt=1, description="share of them that is left out in a step")

    def parameters(self, inputs: int) -> int:
        return self.hidden * (inputs + 10)

    def build(self, classes: int) -> "nn.Module":
        from jobs.models.nets.mlp import Perceptron

        return Perceptron(None, self.hidden, self.dropout, classes)

    def build_for(self, classes: int, shape: tuple[int, int]) -> "nn.Module":
        from jobs.models.nets.mlp import Perceptron

        return Perceptron(shape[0], self.hidden, self.dropout, classes)
