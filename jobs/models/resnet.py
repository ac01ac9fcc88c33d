"""Settings of the CIFAR-style ResNet."""

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field, field_validator

from jobs.models.net import Net, require_blocks

if TYPE_CHECKING:
    from torch import nn

# A CIFAR ResNet has about this many trained values a layer.
PARAMETERS_A_LAYER = 16_000


class ResNet(Net):
    """He et al. 2015; see `jobs.models.nets.resnet`."""

    name: ClassVar[str] = "resnet"

    depth: int = Field(110, ge=8, le=1202, description="layers, 6n + 2")
    shortcut: Literal["A", "B"] = Field(
        "A", description="where the shape changes, A pads with zeros, B projects"
    )

    @field_validator("depth")
    @classmethod
    def _depth_is_6n_plus_2(cls, depth: int) -> int:
        return require_blocks(depth, 2, "a ResNet")

    def parameters(self, inputs: int = 0) -> int:
        return self.depth * PARAMETERS_A_LAYER

    def build(self, classes: int) -> "nn.Module":
        from jobs.models.nets.resnet import CifarResNet

        return CifarResNet(self.depth, classes, self.shortcut)
