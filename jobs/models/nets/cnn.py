"""A plain CNN in the manner of VGG: Simonyan & Zisserman 2014, "Very Deep Convolutional Networks".

As there, two 3x3 convolutions stand before each pooling and the width doubles after it; the input
is smaller, so four such blocks do. Batch norm (Ioffe & Szegedy 2015) follows each convolution and
a mean over all bands and frames (Lin et al. 2013) stands in for VGG's two wide linear layers.
"""

import torch.nn.functional as F
from torch import Tensor, nn

from jobs.models.nets.linear import Linear

WIDTHS = (32, 64, 128, 256)


class PlainCnn(nn.Module):
    """Eight 3x3 convolutions in four blocks, each halving bands and frames; a linear layer.

    Args:
        classes: size of the output.
    """

    def __init__(self, classes: int) -> None:
        super().__init__()
        widths = (1, *WIDTHS)
        self.blocks = nn.Sequential(
            *(_block(inputs, outputs) for inputs, outputs in zip(widths, WIDTHS, strict=False))
        )
        self.head = Linear(WIDTHS[-1], classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits [batch, classes] of features [batch, 1, bands, frames]."""
        logits: Tensor = self.head(self.embed(x))
        return logits

    def embed(self, x: Tensor) -> Tensor:
        """Return the mean over all bands and frames of the last features, [batch, 256]."""
        x = self.blocks(x)  # [batch, 256, bands / 16, frames / 16]
        pooled: Tensor = F.adaptive_avg_pool2d(x, 1).flatten(1)
        return pooled


def _block(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        *_convolution(inputs, outputs),
        *_convolution(outputs, outputs),
        # Rounded up: a single frame (v3) stays one.
        nn.MaxPool2d(2, ceil_mode=True),
    )


def _convolution(inputs: int, outputs: int) -> tuple[nn.Module, ...]:
    # No bias: the batch norm that follows has one.
    convolution = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
    return convolution, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)
