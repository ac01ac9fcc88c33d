"""A multilayer perceptron with dropout: Srivastava et al. 2014, "Dropout"."""

import torch.nn.functional as F
from torch import Tensor, nn

from jobs.models.nets.linear import Linear


class Perceptron(nn.Module):
    """The mean over frames, a hidden layer, dropout, a linear layer.

    Args:
        inputs: bands or dimensions; None to take them from the first batch.
        hidden: units of the hidden layer.
        dropout: share of them that is left out in training.
        classes: size of the output.
    """

    def __init__(self, inputs: int | None, hidden: int, dropout: float, classes: int) -> None:
        super().__init__()
        self.hidden = nn.LazyLinear(hidden) if inputs is None else Linear(inputs, hidden)
        self.dropout = nn.Dropout(dropout)
        self.head = Linear(hidden, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits [batch, classes] of features [batch, 1, bands, frames]."""
        logits: Tensor = self.head(self.dropout(self.embed(x)))
        return logits

    def embed(self, x: Tensor) -> Tensor:
        """Return the hidden layer, [batch, hidden]."""
        pooled: Tensor = F.relu(self.hidden(x.mean(dim=3).flatten(1)))
        return pooled
