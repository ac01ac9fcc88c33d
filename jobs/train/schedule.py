"""The learning rate over a run: linear warm-up, then ReduceLROnPlateau; and when to stop."""

from typing import Any

from torch.optim import Optimizer
from torch.optim.lr_scheduler import ReduceLROnPlateau

from jobs.train.config import RunConfig


class Schedule:
    """Sets the optimiser's learning rate before each step and after each epoch.

    The plateau counts only once the warm-up is over: while the rate still climbs, a higher loss
    says nothing about a plateau.
    """

    def __init__(self, optimizer: Optimizer, config: RunConfig, steps_per_epoch: int) -> None:
        self.optimizer = optimizer
        self.config = config
        self.warmup_steps = config.warmup_epochs * steps_per_epoch
        self.step = 0
        self.plateau = ReduceLROnPlateau(
            optimizer, mode="min", factor=config.plateau_factor, patience=config.plateau_patience
        )

    def before_step(self) -> None:
        """Raise the rate linearly during the warm-up, to `lr` at its last step."""
        self.step += 1
        if self.step <= self.warmup_steps:
            for group in self.optimizer.param_groups:
                group["lr"] = self.config.lr * self.step / self.warmup_steps

    def after_epoch(self, val_loss: float) -> None:
        if self.step >= self.warmup_steps:
            self.plateau.step(val_loss)

    @property
    def lr(self) -> float:
        return float(self.optimizer.param_groups[0]["lr"])

    def state_dict(self) -> dict[str, Any]:
        return {"step": self.step, "plateau": self.plateau.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.step = state["step"]
        self.plateau.load_state_dict(state["plateau"])


def stop_reason(history: list[dict[str, Any]], config: RunConfig) -> str | None:
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
