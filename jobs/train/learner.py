"""A model with all that changes while it learns: optimiser, schedule, averaged weights."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from jobs.train.compute.choices import Choices
from jobs.train.compute.graph import Forward, recorded
from jobs.train.config import RunConfig
from jobs.train.recipe import Ema, GradientClipping, LabelSmoothing
from jobs.train.schedule import learning_rate


class Learner:
    """One model in training; `state_dict` holds all that a resumed run needs to go on.

    Args:
        config: of the run.
        classes: size of the output.
        steps_per_epoch: batches of an epoch.
        device: where it computes.
        choices: how it computes.
    """

    def __init__(
        self, config: RunConfig, classes: int, steps_per_epoch: int, device: str, choices: Choices
    ) -> None:
        torch.manual_seed(config.seed)
        self.device, self.choices = device, choices
        smoothing, clipping, ema = (
            config.part(LabelSmoothing), config.part(GradientClipping), config.part(Ema),
        )  # fmt: skip
        self.label_smoothing = smoothing.label_smoothing if smoothing else 0.0
        self.largest_norm = clipping.clip_grad if clipping else None
        self.model = choices.put(config.net.build_for(classes, config.features.input_shape), device)
        self.average = averaged(self.model, ema.ema) if ema and ema.ema else None
        # Where a first step overflows, the scaler skips it, and torch's fused SGD is then left with
        # momentum that nobody ever wrote.
        fused = choices.fused and choices.autocast != "float16"
        self.optimizer = config.optimizer.build(self.model.parameters(), fused)
        self.schedule = config.schedule.build(
            self.optimizer, config.optimizer, config.epochs, steps_per_epoch
        )
        # Gradients in float16 vanish unless the loss is scaled up; otherwise it does nothing.
        self.scaler = torch.amp.GradScaler(device, enabled=choices.autocast == "float16")
        self._forward: Forward | None = None

    @property
    def result(self) -> nn.Module:
        """The model that is evaluated and kept: the averaged one, if there is one."""
        if self.average is None:
            return self.model
        module: nn.Module = self.average.module
        return module

    @property
    def lr(self) -> float:
        return learning_rate(self.optimizer)

    def step(self, x: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Learn from one batch.

        Args:
            x: float32 [batch, 1, bands, frames].
            targets: int64 [batch], or float32 [batch, classes] with mixup.

        Returns:
            The loss [] and logits [batch, classes], both before the step.
        """
        self.schedule.before_step()
        logits = self.forward(x)
        loss = F.cross_entropy(logits, targets, label_smoothing=self.label_smoothing)
        self.backward(loss)
        return loss.detach(), logits.detach()

    def forward(self, x: Tensor) -> Tensor:
        """Return float32 logits [batch, classes]."""
        with self.choices.computing(self.device):
            if self._forward is None:
                graph = self.choices.cuda_graph
                self._forward = recorded(self.model, x) if graph else self.model
            return self._forward(x).float()

    def backward(self, loss: Tensor) -> None:
        """Compute gradients and take the step."""
        self.scaler.scale(loss).backward()
        if self.largest_norm is not None:
            self.scaler.unscale_(self.optimizer)
            nn.utils.clip_grad_norm_(self.model.parameters(), self.largest_norm)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        # Now and not before the next backward pass: gradients would keep freed memory in pieces.
        self.optimizer.zero_grad(set_to_none=True)
        if self.average is not None:
            self.average.update_parameters(self.model)

    def state_dict(self) -> dict[str, Any]:
        return {
            "model": self.model.state_dict(),
            "average": None if self.average is None else self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "scaler": self.scaler.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.model.load_state_dict(state["model"])
        if self.average is not None:
            self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self._lay_out_like_weights()
        self.schedule.load_state_dict(state["schedule"])
        if state["scaler"] and self.scaler.is_enabled():  # on another GPU it may not be needed
            self.scaler.load_state_dict(state["scaler"])

    def _lay_out_like_weights(self) -> None:
        """Order the optimiser's values in memory as their weights: another GPU may choose anew."""
        for weight, values in self.optimizer.state.items():
            for name, value in values.items():
                if isinstance(value, Tensor) and value.shape == weight.shape:
                    values[name] = torch.empty_like(weight).copy_(value).detach()


def averaged(model: nn.Module, decay: float) -> AveragedModel:
    """Return an exponential moving average of a model's weights and batch statistics.

    Polyak & Juditsky 1992. Over the first steps the decay grows as (1 + n) / (10 + n), so that
    the average forgets the untrained weights, as in TensorFlow's ExponentialMovingAverage.
    """

    @torch.no_grad()
    def move(averages: Sequence[Tensor], present: Sequence[Tensor], _: Tensor | int) -> None:
        seen = int(average.n_averaged)  # on the CPU, where looking at it costs no wait
        weight = 1 - min(decay, (1 + seen) / (10 + seen))
        if averages[0].is_floating_point():
            torch._foreach_lerp_(list(averages), list(present), weight)
        else:  # how many batches were seen
            torch._foreach_copy_(list(averages), list(present))

    average = AveragedModel(model, multi_avg_fn=move, use_buffers=True)
    return average
