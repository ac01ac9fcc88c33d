"""Settings of DenseNet-BC."""

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field, field_validator

from jobs.models.net import Net, require_blocks

if TYPE_CHECKING:
    from torch import nn


class DenseNet(Net):
    """Huang et al. 2016; see `jobs.models.nets.densenet`."""

    name: ClassVar[str] = "densenet"

    densenet_depth: int = Field(100, ge=10, le=1000, description="layers, 6n + 4")
    growth: int = Field(12, ge=1, le=256, description="channels that a layer adds")

    @field_validator("densenet_depth")
    @classmethod
    def _depth_is_6n_plus_4(cls, depth: int) -> int:
        return require_blocks(depth, 4, "a DenseNet-BC of three blocks")

    def parameters(self, inputs: int = 0) -> int:
        growth = self.growth
        channels, total = 2 * growth, 0
        for block in range(3):
            for _ in range((self.densenet_depth - 4) // 6):
                total += 4 * growth * channels + 9 * 4 * growth * growth
                channels += growth
            if block < 2:
                total += channels * (channels // 2)
                channels //= 2
        return total

    def build(self, classes: int) -> "nn.Module":
        from jobs.models.nets.densenet import DenseNet

        return DenseNet(self.densenet_depth, self.growth, classes)
