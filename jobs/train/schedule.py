"""The learning rate over a run: each schedule is one class of settings and the thing they build."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from jobs.schema import Schema

if TYPE_CHECKING:
    from torch.optim import Optimizer

    from jobs.train.optimizer import OptimizerPart


class Schedule:
    """Sets the optimiser's learning rate before each step and after each epoch."""

    def before_step(self) -> None:
        raise NotImplementedError

    def after_epoch(self, val_loss: float) -> None:
        """Learn how the epoch ended; most schedules do not care."""

    def state_dict(self) -> dict[str, Any]:
        raise NotImplementedError

    def load_state_dict(self, state: dict[str, Any]) -> None:
        raise NotImplementedError


class SchedulePart(Schema):
    """Settings of a schedule.

    Attributes:
        name: as in a grid.
        foretells: of validation accuracy and loss, how well they rank runs at a share of the
            epochs: Spearman's correlation with the accuracy at the end, as benchmarks/halving.py
            saw it.
    """

    name: ClassVar[str]
    foretells: ClassVar[Mapping[str, Mapping[float, float]]] = {}

    @classmethod
    def foretold(cls, by: str, share: float) -> float | None:
        """Return the correlation at the latest share up to `share` that was measured."""
        shares = cls.foretells.get(by, {})
        return shares.get(max((each for each in shares if each <= share), default=0.0))

    def build(
        self, optimizer: "Optimizer", settings: "OptimizerPart", epochs: int, steps: int
    ) -> Schedule:
        """Return the schedule of a run.

        Args:
            optimizer: whose rate it sets.
            settings: of the optimiser.
            epochs: of the run.
            steps: of an epoch.
        """
        raise NotImplementedError


class WarmUpPart(SchedulePart):
    """Schedules that may begin with a linear climb; OneCycle has its own."""

    warmup_epochs: int = Field(0, ge=0, description="linear warm-up to lr")


class PlateauPart(WarmUpPart):
    """The report's."""

    name: ClassVar[str] = "plateau"
    foretells: ClassVar[Mapping[str, Mapping[float, float]]] = {
        "accuracy": {0.0: 0.22, 0.25: 0.46, 0.5: 0.65}, "loss": {0.0: 0.20, 0.25: 0.40, 0.5: 0.71},
    }  # fmt: skip

    plateau_factor: float = Field(0.1, gt=0, lt=1, description="lr is multiplied by this")
    plateau_patience: int = Field(10, ge=0, description="epochs without a lower val loss")

    def build(
        self, optimizer: "Optimizer", settings: "OptimizerPart", epochs: int, steps: int
    ) -> Schedule:
        return Plateau(self, optimizer, settings.lr, steps)


class OneCyclePart(SchedulePart):
    """Smith & Topin 2017, "Super-Convergence"."""

    name: ClassVar[str] = "onecycle"
    foretells: ClassVar[Mapping[str, Mapping[float, float]]] = {
        "accuracy": {0.0: 0.46, 0.25: 0.35, 0.5: 0.42}, "loss": {0.0: 0.21, 0.25: 0.05, 0.5: 0.45},
    }  # fmt: skip

    def build(
        self, optimizer: "Optimizer", settings: "OptimizerPart", epochs: int, steps: int
    ) -> Schedule:
        return OneCycle(optimizer, settings.lr, settings.cycled_momentum, epochs * steps)


class CosinePart(WarmUpPart):
    """Loshchilov & Hutter 2016, "SGDR", without restarts."""

    name: ClassVar[str] = "cosine"
    foretells: ClassVar[Mapping[str, Mapping[float, float]]] = {
        "accuracy": {0.0: 0.18, 0.25: 0.51, 0.5: 0.70}, "loss": {0.0: 0.24, 0.25: 0.53, 0.5: 0.73},
    }  # fmt: skip

    def build(
        self, optimizer: "Optimizer", settings: "OptimizerPart", epochs: int, steps: int
    ) -> Schedule:
        return Cosine(self, optimizer, settings.lr, epochs, steps)


SCHEDULES: dict[str, type[SchedulePart]] = {
    kind.name: kind for kind in (PlateauPart, OneCyclePart, CosinePart)
}


def learning_rate(optimizer: "Optimizer") -> float:
    return float(optimizer.param_groups[0]["lr"])


class WarmUp(Schedule):
    """Counts steps and raises the rate linearly to `lr` at the last step of the warm-up."""

    def __init__(self, part: WarmUpPart, optimizer: "Optimizer", lr: float, steps: int) -> None:
        self.optimizer, self.lr = optimizer, lr
        self.warmup_steps = part.warmup_epochs * steps
        self.step = 0

    def before_step(self) -> None:
        self.step += 1
        if self.step <= self.warmup_steps:
            self._set(self.lr * self.step / self.warmup_steps)

    def _set(self, lr: float) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = lr

    def state_dict(self) -> dict[str, Any]:
        return {"step": self.step}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.step = state["step"]


class Plateau(WarmUp):
    """After the warm-up, the rate falls when the validation loss no longer does.

    The plateau counts only once the warm-up is over: while the rate still climbs, a higher loss
    says nothing about a plateau.
    """

    def __init__(self, part: PlateauPart, optimizer: "Optimizer", lr: float, steps: int) -> None:
        from torch.optim.lr_scheduler import ReduceLROnPlateau

        super().__init__(part, optimizer, lr, steps)
        self.plateau = ReduceLROnPlateau(
            optimizer, mode="min", factor=part.plateau_factor, patience=part.plateau_patience
        )

    def after_epoch(self, val_loss: float) -> None:
        if self.step >= self.warmup_steps:
            self.plateau.step(val_loss)

    def state_dict(self) -> dict[str, Any]:
        return super().state_dict() | {"plateau": self.plateau.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        super().load_state_dict(state)
        self.plateau.load_state_dict(state["plateau"])


class Cosine(WarmUp):
    """After the warm-up, half a cosine from `lr` down to 0 at the last step of the last epoch."""

    def __init__(
        self, part: CosinePart, optimizer: "Optimizer", lr: float, epochs: int, steps: int
    ) -> None:
        super().__init__(part, optimizer, lr, steps)
        self.falling_steps = epochs * steps - self.warmup_steps

    def before_step(self) -> None:
        super().before_step()
        if self.step > self.warmup_steps:
            fallen = (self.step - self.warmup_steps) / self.falling_steps
            self._set(self.lr * (1 + math.cos(math.pi * fallen)) / 2)


class OneCycle(Schedule):
    """Up to `lr` over the first 30 % of all steps and down again: torch's OneCycleLR.

    Momentum (of AdamW, the first beta) moves the other way, down by 0.1 and back.
    """

    def __init__(self, optimizer: "Optimizer", lr: float, momentum: float, steps: int) -> None:
        from torch.optim.lr_scheduler import OneCycleLR

        self.cycle = OneCycleLR(
            optimizer,
            max_lr=lr,
            # torch takes the first step itself, and a cycle of a single one would divide by 0.
            total_steps=max(steps, 4),
            max_momentum=momentum,
            base_momentum=max(0.0, momentum - 0.1),
        )
        self.step = 0

    def before_step(self) -> None:
        self.step += 1
        if self.step > 1:
            self.cycle.step()

    def state_dict(self) -> dict[str, Any]:
        return {"step": self.step, "cycle": self.cycle.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.step = state["step"]
        self.cycle.load_state_dict(state["cycle"])
