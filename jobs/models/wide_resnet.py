"""Settings of the wide and shallow residual network."""

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from jobs.models.net import Net

if TYPE_CHECKING:
    from torch import nn

# Of the first convolution, by its stride: neighbouring places share three bands and frames.
STEM_KERNELS = {2: 5, 4: 7}


class WideResNet(Net):
    """After Zagoruyko & Komodakis 2016; see `jobs.models.nets.wide_resnet`."""

    name: ClassVar[str] = "wide_resnet"

    width: int = Field(32, ge=4, le=512, description="channels of its first stage")
    stem_stride: Literal[2, 4] = Field(
        2, description="of the first convolution; 4 is four times faster, for more epochs"
    )
    residual_stages: int = Field(
        3, ge=1, le=6, description="stages of one block, each with twice the channels of the last"
    )

    def parameters(self, inputs: int = 0) -> int:
        total, before = STEM_KERNELS[self.stem_stride] ** 2 * self.width, self.width
        for stage in range(self.residual_stages):
            channels = self.width * 2**stage
            total += 9 * channels * (before + channels)
            total += before * channels if before != channels else 0
            before = channels
        return total

    def build(self, classes: int) -> "nn.Module":
        from jobs.models.nets.wide_resnet import WideResNet

        kernel = STEM_KERNELS[self.stem_stride]
        return WideResNet(self.width, self.residual_stages, classes, self.stem_stride, kernel)
