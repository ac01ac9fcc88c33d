"""The learning rate over a run, and when to stop."""

import math
from typing import Any, Protocol

from torch.optim import Optimizer
from torch.optim.lr_scheduler import OneCycleLR, ReduceLROnPlateau

from jobs.train.settings.recipe import RecipeConfig


class Schedule(Protocol):
    """Sets the optimiser's learning rate before each step and after each epoch."""

    def before_step(self) -> None: ...

    def after_epoch(self, val_loss: float) -> None: ...

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: dict[str, Any]) -> None: ...


def build_schedule(optimizer: Optimizer, config: RecipeConfig, steps_per_epoch: int) -> Schedule:
    """Return the schedule that `config` names."""
    match config.schedule:
        case "plateau":
            return Plateau(optimizer, config, steps_per_epoch)
        case "cosine":
            return Cosine(optimizer, config, steps_per_epoch)
        case "onecycle":
            return OneCycle(optimizer, config, steps_per_epoch)


def learning_rate(optimizer: Optimizer) -> float:
    return float(optimizer.param_groups[0]["lr"])


class WarmUp:
    """Counts steps and raises the rate linearly to `lr` at the last step of the warm-up."""

    def __init__(self, optimizer: Optimizer, config: RecipeConfig, steps_per_epoch: int) -> None:
        self.optimizer = optimizer
        self.config = config
        self.warmup_steps = config.warmup_epochs * steps_per_epoch
        self.step = 0

    def before_step(self) -> None:
        self.step += 1
        if self.step <= self.warmup_steps:
            self._set(self.config.lr * self.step / self.warmup_steps)

    def _set(self, lr: float) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = lr


class Plateau(WarmUp):
    """The report's: after the warm-up, the rate falls when the validation loss no longer does.

    The plateau counts only once the warm-up is over: while the rate still climbs, a higher loss
    says nothing about a plateau.
    """

    def __init__(self, optimizer: Optimizer, config: RecipeConfig, steps_per_epoch: int) -> None:
        super().__init__(optimizer, config, steps_per_epoch)
        self.plateau = ReduceLROnPlateau(
            optimizer, mode="min", factor=config.plateau_factor, patience=config.plateau_patience
        )

    def after_epoch(self, val_loss: float) -> None:
        if self.step >= self.warmup_steps:
            self.plateau.step(val_loss)

    def state_dict(self) -> dict[str, Any]:
        return {"step": self.step, "plateau": self.plateau.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.step = state["step"]
        self.plateau.load_state_dict(state["plateau"])


class Cosine(WarmUp):
    """After the warm-up, half a cosine from `lr` down to 0 at the last step of the last epoch.

    Loshchilov & Hutter 2016, "SGDR", without restarts.
    """

    def __init__(self, optimizer: Optimizer, config: RecipeConfig, steps_per_epoch: int) -> None:
        super().__init__(optimizer, config, steps_per_epoch)
        self.falling_steps = config.epochs * steps_per_epoch - self.warmup_steps

    def before_step(self) -> None:
        super().before_step()
        if self.step > self.warmup_steps:
            fallen = (self.step - self.warmup_steps) / self.falling_steps
            self._set(self.config.lr * (1 + math.cos(math.pi * fallen)) / 2)

    def after_epoch(self, val_loss: float) -> None:
        return

    def state_dict(self) -> dict[str, Any]:
        return {"step": self.step}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.step = state["step"]


class OneCycle:
    """Up to `lr` over the first 30 % of all steps and down again: torch's OneCycleLR.

    Smith & Topin 2017, "Super-Convergence". Momentum (of AdamW, the first beta) moves the other
    way, from `momentum` down by 0.1 and back.
    """

    def __init__(self, optimizer: Optimizer, config: RecipeConfig, steps_per_epoch: int) -> None:
        self.cycle = OneCycleLR(
            optimizer,
            max_lr=config.lr,
            # torch takes the first step itself, and a cycle of a single one would divide by 0.
            total_steps=max(config.epochs * steps_per_epoch, 4),
            max_momentum=config.momentum,
            base_momentum=max(0.0, config.momentum - 0.1),
        )
        self.step = 0

    def before_step(self) -> None:
        self.step += 1
        if self.step > 1:
            self.cycle.step()

    def after_epoch(self, val_loss: float) -> None:
        return

    def state_dict(self) -> dict[str, Any]:
        return {"step": self.step, "cycle": self.cycle.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.step = state["step"]
        self.cycle.load_state_dict(state["cycle"])


def stop_reason(history: list[dict[str, Any]], config: RecipeConfig) -> str | None:
    """Return why training ends after the last epoch of `history`, or None if it goes on."""
    epochs = len(history)
    if config.min_loss is not None and history[-1]["train_loss"] < config.min_loss:
        return f"training loss below min_loss {config.min_loss:g} in epoch {epochs}"
    if config.early_stopping is not None:
        losses = [row["val_loss"] for row in history]
        best = losses.index(min(losses)) + 1
        if epochs - best >= config.early_stopping:
            return f"no lower validation loss since epoch {best} (early stopping)"
    if epochs >= config.epochs:
        return f"all {config.epochs} epochs done"
    return None
