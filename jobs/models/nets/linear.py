"""A linear layer whose result for a clip does not depend on where in a batch the clip stands."""

import torch.nn.functional as F
from torch import Tensor, nn

# 64 bytes of float32: the width of the widest vector registers.
ALIGNED = 16


class Linear(nn.Linear):
    """Torch's, with rows that begin at multiples of 64 bytes in evaluation.

    For rows that do not begin at a multiple of 16 bytes MKL has other kernels, which round
    differently: measured on a CPU with AVX2, up to ten classes, for 223 of the 225 widths below 300
    that are no multiple of four. A clip would get other last bits as the second of a batch than as
    the first. In training its place in the batch is part of the run, and torch's own layer is used.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Return [batch, out_features] of [batch, in_features]."""
        width = self.in_features
        if not self.training and width % ALIGNED:
            x = F.pad(x, (0, -width % ALIGNED))[:, :width]
        return super().forward(x)
