"""The optimisers: each is one class of settings that builds torch's own."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field, model_validator

from jobs.schema import Schema

if TYPE_CHECKING:
    from torch import nn
    from torch.optim import Optimizer

# Of AdamW under OneCycle, the first beta moves as SGD's momentum does by default.
ADAMW_MOMENTUM = 0.9


class OptimizerPart(Schema):
    """What both have."""

    name: ClassVar[str]

    lr: float = Field(1e-2, gt=0, description="learning rate; of onecycle, the highest")
    weight_decay: float = Field(1e-2, ge=0)

    @property
    def cycled_momentum(self) -> float:
        """What OneCycle moves: SGD's momentum, AdamW's first beta."""
        raise NotImplementedError

    def build(self, weights: Iterable["nn.Parameter"], fused: bool = False) -> "Optimizer":
        """Return the optimiser; `fused` takes the step in one kernel."""
        raise NotImplementedError


class Sgd(OptimizerPart):
    """Stochastic gradient descent; the report's."""

    name: ClassVar[str] = "sgd"

    momentum: float = Field(0.9, ge=0, lt=1)
    nesterov: bool = False

    @model_validator(mode="after")
    def _nesterov_has_momentum(self) -> "Sgd":
        if self.nesterov and not self.momentum:
            raise ValueError("`nesterov: true` needs a `momentum` above 0")
        return self

    @property
    def cycled_momentum(self) -> float:
        return self.momentum

    def build(self, weights: Iterable["nn.Parameter"], fused: bool = False) -> "Optimizer":
        from torch.optim import SGD

        return SGD(
            weights,
            lr=self.lr,
            momentum=self.momentum,
            weight_decay=self.weight_decay,
            nesterov=self.nesterov,
            fused=fused or None,  # None leaves it to torch
        )


class AdamW(OptimizerPart):
    """Loshchilov & Hutter 2017, "Decoupled Weight Decay Regularization"."""

    name: ClassVar[str] = "adamw"

    @property
    def cycled_momentum(self) -> float:
        return ADAMW_MOMENTUM

    def build(self, weights: Iterable["nn.Parameter"], fused: bool = False) -> "Optimizer":
        from torch import optim

        return optim.AdamW(weights, lr=self.lr, weight_decay=self.weight_decay, fused=fused or None)


OPTIMIZERS: dict[str, type[OptimizerPart]] = {kind.name: kind for kind in (Sgd, AdamW)}
