"""Wide and shallow: after Zagoruyko & Komodakis 2016, "Wide Residual Networks".

Their finding is that few wide blocks learn as well as many thin ones and compute several times
faster. What differs from theirs, for spectrograms on a CPU or a small GPU:

- A 5x5 convolution of stride 2 comes first: neighbouring frames overlap by three quarters, and a
  quarter of the places is a quarter of the work. Of stride 4 and 7x7 it is a sixteenth: where clips
  are few, the epochs that this buys are worth more than the detail that it costs.
- One basic block a stage, activation after addition as in He et al. 2015, projection shortcuts.
- No dropout: augmentation and weight decay are settings of a run.
"""

import itertools

import torch.nn.functional as F
from torch import Tensor, nn

from jobs.models.nets.linear import Linear
from jobs.models.nets.resnet import BasicBlock


class WideResNet(nn.Module):
    """A strided convolution, `stages` residual blocks, a linear layer.

    Each block after the first has twice the channels and half the bands and frames of the one
    before. With 32 channels and three stages it has 0.3 million parameters, with four 1.2.

    Args:
        width: channels of the first stage.
        stages: how many.
        classes: size of the output.
        stride: of the first convolution.
        kernel: its size, odd.
    """

    def __init__(self, width: int, stages: int, classes: int, stride: int, kernel: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, width, kernel, stride=stride, padding=kernel // 2, bias=False)
        self.norm = nn.BatchNorm2d(width)
        widths = [width * 2**stage for stage in range(stages)]
        blocks = [BasicBlock(width, width, 1, "B")]
        for inputs, outputs in itertools.pairwise(widths):
            blocks.append(BasicBlock(inputs, outputs, 2, "B"))
        self.stages = nn.Sequential(*blocks)
        self.head = Linear(widths[-1], classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(module.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits [batch, classes] of features [batch, 1, bands, frames]."""
        logits: Tensor = self.head(self.embed(x))
        return logits

    def embed(self, x: Tensor) -> Tensor:
        """Return the mean over all bands and frames of the last block, [batch, channels]."""
        # [batch, width, bands / stride, frames / stride]
        x = F.relu(self.norm(self.conv(x)), inplace=True)
        pooled: Tensor = F.adaptive_avg_pool2d(self.stages(x), 1).flatten(1)
        return pooled
