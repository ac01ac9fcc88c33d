"""Networks as models: settings that build a torch module, which `jobs.train` fits."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from jobs.models.model import Model, Tensors

if TYPE_CHECKING:
    from torch import nn

    from jobs.models.fitted_net import FittedNet


class Net(Model):
    """A network; every one takes [batch, 1, bands, frames] of any feature set."""

    needs_gpu: ClassVar[bool] = True
    # Of features whose rows have no order; other nets convolve over them.
    takes_vectors: ClassVar[bool] = False
    suffix: ClassVar[str] = ".pt"

    def build(self, classes: int) -> "nn.Module":
        """Return the untrained network, with weights drawn from torch's seed.

        Its `forward` returns logits [batch, classes], and its `embed` the pooled vector
        [batch, width] of which the last linear layer makes them.
        """
        raise NotImplementedError

    def build_for(self, classes: int, shape: tuple[int, int]) -> "nn.Module":
        """Return the untrained network for clips of these bands and frames."""
        return self.build(classes)

    def load(
        self, path: Path, classes: Sequence[str], shape: Sequence[int], device: str = "cpu"
    ) -> "FittedNet":
        from jobs.models.fitted_net import FittedNet

        return FittedNet.load(self, path, classes, shape, device)

    def of_tensors(
        self, tensors: Tensors, classes: Sequence[str], shape: Sequence[int], device: str = "cpu"
    ) -> "FittedNet":
        from jobs.models.fitted_net import FittedNet

        return FittedNet.of_tensors(self, tensors, classes, shape, device)


def require_blocks(depth: int, outside: int, what: str) -> int:
    """Return a depth of whole blocks, or raise ValueError with the nearest two that are."""
    if (depth - outside) % 6:
        lower = outside + 6 * ((depth - outside) // 6)
        raise ValueError(
            f"{what} has 6n + {outside} layers; the nearest are {lower} and {lower + 6}"
        )
    return depth
