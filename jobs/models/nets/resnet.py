"""ResNet of CIFAR kind: He et al. 2015, "Deep Residual Learning", section 4.2."""

from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn

from jobs.models.nets.linear import Linear

WIDTHS = (16, 32, 64)


class CifarResNet(nn.Module):
    """6n + 2 weighted layers: a 3x3 convolution, three stages of n blocks, a linear layer.

    Stages have 16, 32 and 64 channels and halve bands and frames between them. Weights are
    drawn as in He et al. 2015, "Delving Deep into Rectifiers". With one input channel depth 110
    has 1.7 million parameters.

    Args:
        depth: 6n + 2.
        classes: size of the output.
        shortcut: where the shape changes, "A" takes every second band and frame and pads the new
            channels with zeros; "B" projects with a 1x1 convolution.
    """

    def __init__(self, depth: int, classes: int, shortcut: Literal["A", "B"] = "A") -> None:
        super().__init__()
        if depth < 8 or (depth - 2) % 6:
            raise ValueError(f"depth must be 6n + 2 and at least 8; got {depth}")
        blocks = (depth - 2) // 6
        self.conv = _conv3x3(1, WIDTHS[0])
        self.norm = nn.BatchNorm2d(WIDTHS[0])
        self.stages = nn.Sequential(
            _stage(WIDTHS[0], WIDTHS[0], blocks, stride=1, shortcut=shortcut),
            _stage(WIDTHS[0], WIDTHS[1], blocks, stride=2, shortcut=shortcut),
            _stage(WIDTHS[1], WIDTHS[2], blocks, stride=2, shortcut=shortcut),
        )
        self.head = Linear(WIDTHS[2], classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(module.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits [batch, classes] of features [batch, 1, bands, frames]."""
        logits: Tensor = self.head(self.embed(x))
        return logits

    def embed(self, x: Tensor) -> Tensor:
        """Return the mean over all bands and frames of the last features, [batch, 64]."""
        x = F.relu(self.norm(self.conv(x)), inplace=True)  # [batch, 16, bands, frames]
        x = self.stages(x)  # [batch, 64, bands / 4, frames / 4]
        pooled: Tensor = F.adaptive_avg_pool2d(x, 1).flatten(1)
        return pooled


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut around them."""

    def __init__(self, inputs: int, outputs: int, stride: int, shortcut: Literal["A", "B"]) -> None:
        super().__init__()
        self.conv1 = _conv3x3(inputs, outputs, stride)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.conv2 = _conv3x3(outputs, outputs)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            kind = Padding if shortcut == "A" else Projection
            self.shortcut = kind(inputs, outputs, stride)

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.norm1(self.conv1(x)), inplace=True)
        y = self.norm2(self.conv2(y))
        return F.relu(y.add_(self.shortcut(x)), inplace=True)


class Padding(nn.Module):
    """Option A: every second band and frame, zeros in the new channels; no parameters."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.before = (outputs - inputs) // 2
        self.after = outputs - inputs - self.before

    def forward(self, x: Tensor) -> Tensor:
        x = x[:, :, :: self.stride, :: self.stride]
        return F.pad(x, (0, 0, 0, 0, self.before, self.after))


class Projection(nn.Sequential):
    """Option B: a 1x1 convolution and batch norm."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__(
            nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False), nn.BatchNorm2d(outputs)
        )


def _stage(
    inputs: int, outputs: int, blocks: int, stride: int, shortcut: Literal["A", "B"]
) -> nn.Sequential:
    first = BasicBlock(inputs, outputs, stride, shortcut)
    rest = (BasicBlock(outputs, outputs, 1, shortcut) for _ in range(blocks - 1))
    return nn.Sequential(first, *rest)


def _conv3x3(inputs: int, outputs: int, stride: int = 1) -> nn.Conv2d:
    # No bias: the batch norm that follows has one.
    return nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
