"""One epoch of training, and evaluation."""

from collections.abc import Iterable, Iterator

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from jobs.train.clips.labelled import LabelledClips
from jobs.train.clips.placement import Placed
from jobs.train.compute.choices import Choices
from jobs.train.learner import Learner

# Of the largest model, ResNet-110 at [64, 259], this many clips take about 0.5 GB in evaluation.
EVALUATION_BATCH = 64
# How often a loss that is no longer a number is looked for; on a GPU each look costs a wait.
LOOK_EVERY = 20

# Features, targets, and the labels by which accuracy is counted.
Batch = tuple[Tensor, Tensor, Tensor]


class DivergedError(Exception):
    """The loss is no longer a finite number."""


def train_epoch(learner: Learner, batches: Iterable[Batch]) -> tuple[float, float]:
    """Train one epoch.

    Args:
        learner: changed in place.
        batches: features [batch, 1, bands, frames], targets, and class indices [batch].

    Returns:
        Mean loss and accuracy over the epoch's clips, measured while training.

    Raises:
        DivergedError: the loss became NaN or infinite.
    """
    learner.model.train()
    loss_sum = torch.zeros((), dtype=torch.float64, device=learner.device)
    correct = torch.zeros((), dtype=torch.int64, device=learner.device)
    seen = 0
    for step, (features, targets, labels) in enumerate(batches, start=1):
        loss, logits = learner.step(features, targets)
        loss_sum += loss.double() * len(labels)
        correct += (logits.argmax(dim=1) == labels).sum()
        seen += len(labels)
        if step % LOOK_EVERY == 0:
            _require_finite(loss_sum)
    _require_finite(loss_sum)
    return loss_sum.item() / seen, correct.item() / seen


def _require_finite(loss_sum: Tensor) -> None:
    if not torch.isfinite(loss_sum):
        raise DivergedError("the training loss is no longer a finite number")


@torch.inference_mode()
def logits_of(model: nn.Module, features: Placed, device: str, choices: Choices) -> Tensor:
    """Return float32 logits [clips, classes], in evaluation mode."""
    model.eval()
    with choices.computing(device):
        return torch.cat([model(batch).float() for batch in _in_order(features)])


def _in_order(features: Placed) -> Iterator[Tensor]:
    whole, rest = divmod(len(features), EVALUATION_BATCH)
    sizes = [EVALUATION_BATCH] * whole + ([rest] if rest else [])
    return features.batches(np.arange(len(features)), sizes)


def evaluate(learner: Learner, clips: LabelledClips) -> tuple[float, float, Tensor]:
    """Return mean cross entropy, accuracy and probabilities [clips, classes]."""
    logits = logits_of(learner.result, clips.features, learner.device, learner.choices)
    labels = torch.from_numpy(clips.labels).to(logits.device)
    loss = F.cross_entropy(logits.double(), labels).item()
    accuracy = (logits.argmax(dim=1) == labels).double().mean().item()
    return loss, accuracy, logits.softmax(dim=1)
