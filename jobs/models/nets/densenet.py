"""DenseNet-BC of CIFAR kind: Huang et al. 2016, "Densely Connected Convolutional Networks"."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from jobs.models.nets.linear import Linear

BLOCKS = 3
# Within a dense layer, the 1x1 convolution narrows to this many times `growth` (the B of BC).
BOTTLENECK = 4


class DenseNet(nn.Module):
    """6n + 4 weighted layers: a convolution, three dense blocks of n layers, a linear layer.

    Each layer (1x1, then 3x3) adds `growth` channels to all before it; between blocks a 1x1
    convolution halves the channels (the C of BC) and a mean halves bands and frames. Table 2 of
    the paper gives 0.8 million parameters to depth 100 and growth 12.

    One thing differs from the paper's CIFAR nets: the first convolution has stride 2 and is pooled,
    as in its ImageNet nets. [64, 259] has 16 times the points of a CIFAR image, and a dense block
    keeps every layer's output for all of them; now its blocks see as many points as the paper's.
    The number of parameters is the same.

    Args:
        depth: 6n + 4.
        growth: channels that a layer adds.
        classes: size of the output.
    """

    def __init__(self, depth: int, growth: int, classes: int) -> None:
        super().__init__()
        if depth < 10 or (depth - 4) % 6:
            raise ValueError(f"depth must be 6n + 4 and at least 10; got {depth}")
        channels = 2 * growth
        self.conv = nn.Conv2d(1, channels, 3, stride=2, padding=1, bias=False)
        parts: list[nn.Module] = []
        for block in range(BLOCKS):
            for _ in range((depth - 4) // 6):
                parts.append(DenseLayer(channels, growth))
                channels += growth
            if block < BLOCKS - 1:
                parts.append(Transition(channels, channels // 2))
                channels //= 2
        self.blocks = nn.Sequential(*parts)
        self.norm = nn.BatchNorm2d(channels)
        self.head = Linear(channels, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits [batch, classes] of features [batch, 1, bands, frames]."""
        logits: Tensor = self.head(self.embed(x))
        return logits

    def embed(self, x: Tensor) -> Tensor:
        """Return the mean over all bands and frames of the last features, [batch, channels]."""
        x = F.max_pool2d(self.conv(x), 3, stride=2, padding=1)  # [batch, 2 growth, bands / 4, ...]
        x = self.blocks(x)  # [batch, channels, bands / 16, frames / 16]
        x = F.relu(self.norm(x), inplace=True)
        pooled: Tensor = F.adaptive_avg_pool2d(x, 1).flatten(1)
        return pooled


class DenseLayer(nn.Module):
    """Batch norm, ReLU and convolution, 1x1 and then 3x3; the result joins the input."""

    def __init__(self, inputs: int, growth: int) -> None:
        super().__init__()
        width = BOTTLENECK * growth
        self.norm1 = nn.BatchNorm2d(inputs)
        self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, growth, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv1(F.relu(self.norm1(x), inplace=True))
        y = self.conv2(F.relu(self.norm2(y), inplace=True))
        return torch.cat([x, y], dim=1)


class Transition(nn.Module):
    """From one block to the next: fewer channels, half the bands and frames."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(inputs)
        self.conv = nn.Conv2d(inputs, outputs, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(F.relu(self.norm(x), inplace=True))
        # Rounded up, so that a single frame (v3) stays one; the mean is of what is there.
        return F.avg_pool2d(x, 2, ceil_mode=True, count_include_pad=False)
