"""ResNet of CIFAR kind: He et al. 2015, "Deep Residual Learning", section 4.2."""

import torch.nn.functional as F
from torch import Tensor, nn

WIDTHS = (16, 32, 64)


class CifarResNet(nn.Module):
    """6n + 2 weighted layers: a 3x3 convolution, three stages of n blocks, a linear layer.

    Stages have 16, 32 and 64 channels and halve bands and frames between them. Weights are
    drawn as in He et al. 2015, "Delving Deep into Rectifiers". With one input channel depth 110
    has 1.7 million parameters.

    Args:
        depth: 6n + 2.
        classes: size of the output.
    """

    def __init__(self, depth: int, classes: int) -> None:
        super().__init__()
        if depth < 8 or (depth - 2) % 6:
            raise ValueError(f"depth must be 6n + 2 and at least 8; got {depth}")
        blocks = (depth - 2) // 6
        self.conv = _conv3x3(1, WIDTHS[0])
        self.norm = nn.BatchNorm2d(WIDTHS[0])
        self.stages = nn.Sequential(
            _stage(WIDTHS[0], WIDTHS[0], blocks, stride=1),
            _stage(WIDTHS[0], WIDTHS[1], blocks, stride=2),
            _stage(WIDTHS[1], WIDTHS[2], blocks, stride=2),
        )
        self.head = nn.Linear(WIDTHS[2], classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(module.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits [batch, classes] of features [batch, 1, bands, frames]."""
        x = F.relu(self.norm(self.conv(x)))  # [batch, 16, bands, frames]
        x = self.stages(x)  # [batch, 64, bands / 4, frames / 4]
        x = x.mean(dim=(2, 3))  # [batch, 64]
        logits: Tensor = self.head(x)  # [batch, classes]
        return logits


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut without parameters (option A).

    Where the shape changes, the shortcut takes every second band and frame and pads the new
    channels with zeros.
    """

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = _conv3x3(inputs, outputs, stride)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.conv2 = _conv3x3(outputs, outputs)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.stride = stride
        self.new_channels = outputs - inputs

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.norm1(self.conv1(x)))
        y = self.norm2(self.conv2(y))
        return F.relu(y + self._shortcut(x))

    def _shortcut(self, x: Tensor) -> Tensor:
        if self.stride == 1 and not self.new_channels:
            return x
        x = x[:, :, :: self.stride, :: self.stride]
        before = self.new_channels // 2
        return F.pad(x, (0, 0, 0, 0, before, self.new_channels - before))


def _stage(inputs: int, outputs: int, blocks: int, stride: int) -> nn.Sequential:
    first = BasicBlock(inputs, outputs, stride)
    return nn.Sequential(first, *(BasicBlock(outputs, outputs, 1) for _ in range(blocks - 1)))


def _conv3x3(inputs: int, outputs: int, stride: int = 1) -> nn.Conv2d:
    # No bias: the batch norm that follows has one.
    return nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)


def parameter_count(model: nn.Module) -> int:
    """Return the number of trained values."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)
