"""Inception-v3's ideas at this scale: Szegedy et al. 2015, "Rethinking the Inception Architecture".

Taken from there: parallel branches joined by channel (figure 5), 7x7 convolutions as 1x7 and 7x1
(figure 6), wide outputs of 1x3 and 3x1 side by side on the coarsest grid (figure 7), reductions
that convolve and pool beside each other (figure 10), and batch norm after each convolution. The
widths are an eighth to a quarter of the paper's, for inputs of [64, 259] and thousands of clips;
the auxiliary classifier, which served a far deeper net, is left out.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from jobs.models.nets.linear import Linear


class Inception(nn.Module):
    """A stem, four modules with two reductions between them, a linear layer.

    Args:
        classes: size of the output.
    """

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.stem = nn.Sequential(Convolution(1, 16, 3, stride=2), Convolution(16, 32, 3))
        self.modules_ = nn.Sequential(
            SmallFilters(32),  # 96 channels on [bands / 2, frames / 2]
            Reduction(96, 48),  # 144 on [bands / 4, frames / 4]
            LongFilters(144, 32),
            LongFilters(128, 32),
            Reduction(128, 64),  # 192 on [bands / 8, frames / 8]
            WideFilters(192),
        )
        self.head = Linear(224, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits [batch, classes] of features [batch, 1, bands, frames]."""
        logits: Tensor = self.head(self.embed(x))
        return logits

    def embed(self, x: Tensor) -> Tensor:
        """Return the mean over all bands and frames of the last features, [batch, 224]."""
        x = self.modules_(self.stem(x))  # [batch, 224, bands / 8, frames / 8]
        pooled: Tensor = F.adaptive_avg_pool2d(x, 1).flatten(1)
        return pooled


class Convolution(nn.Sequential):
    """A convolution that keeps the size (or, with stride 2, halves it), batch norm, ReLU."""

    def __init__(
        self, inputs: int, outputs: int, size: int | tuple[int, int], stride: int = 1
    ) -> None:
        bands, frames = (size, size) if isinstance(size, int) else size
        super().__init__(
            nn.Conv2d(
                inputs,
                outputs,
                (bands, frames),
                stride=stride,
                padding=(bands // 2, frames // 2),
                bias=False,
            ),
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True),
        )


class Branches(nn.Module):
    """Runs branches on the same input and joins their channels."""

    def __init__(self, *branches: nn.Module) -> None:
        super().__init__()
        self.branches = nn.ModuleList(branches)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([branch(x) for branch in self.branches], dim=1)


class SmallFilters(Branches):
    """Figure 5: 1x1, 3x3, two 3x3 instead of a 5x5, and pooling; 96 channels."""

    def __init__(self, inputs: int) -> None:
        super().__init__(
            Convolution(inputs, 24, 1),
            nn.Sequential(Convolution(inputs, 16, 1), Convolution(16, 24, 3)),
            nn.Sequential(
                Convolution(inputs, 16, 1), Convolution(16, 24, 3), Convolution(24, 32, 3)
            ),
            _pooled(inputs, 16),
        )


class LongFilters(Branches):
    """Figure 6: 7x7 as 1x7 and 7x1, once and twice; four branches of equal width."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__(
            Convolution(inputs, width, 1),
            nn.Sequential(
                Convolution(inputs, width, 1),
                Convolution(width, width, (1, 7)),
                Convolution(width, width, (7, 1)),
            ),
            nn.Sequential(
                Convolution(inputs, width, 1),
                Convolution(width, width, (7, 1)),
                Convolution(width, width, (1, 7)),
                Convolution(width, width, (7, 1)),
                Convolution(width, width, (1, 7)),
            ),
            _pooled(inputs, width),
        )


class WideFilters(Branches):
    """Figure 7: 3x3 as 1x3 and 3x1 side by side; 224 channels."""

    def __init__(self, inputs: int) -> None:
        super().__init__(
            Convolution(inputs, 48, 1),
            nn.Sequential(Convolution(inputs, 48, 1), _side_by_side(48, 32)),
            nn.Sequential(
                Convolution(inputs, 32, 1), Convolution(32, 48, 3), _side_by_side(48, 32)
            ),
            _pooled(inputs, 48),
        )


class Reduction(Branches):
    """Figure 10: stride-2 convolution and pooling beside each other; inputs + width channels."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__(
            nn.Sequential(Convolution(inputs, width, 1), Convolution(width, width, 3, stride=2)),
            nn.MaxPool2d(3, stride=2, padding=1),
        )


def _pooled(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False),
        Convolution(inputs, outputs, 1),
    )


def _side_by_side(inputs: int, outputs: int) -> Branches:
    return Branches(Convolution(inputs, outputs, (1, 3)), Convolution(inputs, outputs, (3, 1)))
