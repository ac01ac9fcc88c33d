"""One epoch of training, and evaluation."""

from collections.abc import Callable, Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import Optimizer

# Of the largest model, ResNet-110 at [64, 259], this many clips take about 1.5 GB in evaluation.
EVALUATION_BATCH = 64


class DivergedError(Exception):
    """The loss is no longer a finite number."""


def train_epoch(
    model: nn.Module,
    batches: Iterable[tuple[Tensor, Tensor]],
    optimizer: Optimizer,
    before_step: Callable[[], None],
) -> tuple[float, float]:
    """Train one epoch.

    Args:
        model: changed in place.
        batches: features [batch, 1, bands, frames] and class indices [batch].
        optimizer: over the model's parameters.
        before_step: called before each step, sets the learning rate.

    Returns:
        Mean cross entropy and accuracy over the epoch's clips, measured while training.

    Raises:
        DivergedError: the loss became NaN or infinite.
    """
    model.train()
    device = next(model.parameters()).device
    loss_sum = torch.zeros((), dtype=torch.float64, device=device)
    correct = torch.zeros((), dtype=torch.int64, device=device)
    seen = 0
    for features, labels in batches:
        before_step()
        logits = model(features)
        loss = F.cross_entropy(logits, labels)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        loss_sum += loss.detach().double() * len(labels)
        correct += (logits.detach().argmax(dim=1) == labels).sum()
        seen += len(labels)
    if not torch.isfinite(loss_sum):
        raise DivergedError("the training loss is no longer a finite number")
    return loss_sum.item() / seen, correct.item() / seen


@torch.inference_mode()
def logits_of(model: nn.Module, features: Tensor) -> Tensor:
    """Return logits [clips, classes] of features [clips, 1, bands, frames], in evaluation mode."""
    model.eval()
    return torch.cat([model(batch) for batch in features.split(EVALUATION_BATCH)])


def evaluate(model: nn.Module, features: Tensor, labels: Tensor) -> tuple[float, float, Tensor]:
    """Return mean cross entropy, accuracy and probabilities [clips, classes]."""
    logits = logits_of(model, features)
    loss = F.cross_entropy(logits.double(), labels).item()
    accuracy = (logits.argmax(dim=1) == labels).double().mean().item()
    return loss, accuracy, logits.softmax(dim=1)
