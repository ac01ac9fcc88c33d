"""One epoch of training, and evaluation."""

from collections.abc import Iterable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from jobs.models.fitted_net import all_logits
from jobs.models.model import EVALUATION_BATCH
from jobs.train.augment.augmentation import Batch
from jobs.train.clips.labelled import LabelledClips
from jobs.train.learner import Learner

# How often a loss that is no longer a number is looked for; on a GPU each look costs a wait.
LOOK_EVERY = 20


class DivergedError(Exception):
    """The loss is no longer a finite number."""


def train_epoch(learner: Learner, batches: Iterable[Batch]) -> tuple[float, float]:
    """Train one epoch.

    Args:
        learner: changed in place.
        batches: normalised and augmented.

    Returns:
        Mean loss and accuracy over the epoch's clips, measured while training.

    Raises:
        DivergedError: the loss became NaN or infinite.
    """
    learner.model.train()
    loss_sum = torch.zeros((), dtype=torch.float64, device=learner.device)
    correct = torch.zeros((), dtype=torch.int64, device=learner.device)
    seen = 0
    for step, batch in enumerate(batches, start=1):
        loss, logits = learner.step(batch.features, batch.targets)
        loss_sum += loss.double() * len(batch.labels)
        correct += (logits.argmax(dim=1) == batch.labels).sum()
        seen += len(batch.labels)
        if step % LOOK_EVERY == 0:
            _require_finite(loss_sum)
    _require_finite(loss_sum)
    return loss_sum.item() / seen, correct.item() / seen


def _require_finite(loss_sum: Tensor) -> None:
    if not torch.isfinite(loss_sum):
        raise DivergedError("the training loss is no longer a finite number")


def evaluate(learner: Learner, clips: LabelledClips) -> tuple[float, float, Tensor]:
    """Return mean cross entropy, accuracy and probabilities [clips, classes].

    In the batches in which a checkpoint predicts (see `jobs.models.fitted_net.batch_logits`), so
    that both give the same bits.
    """
    whole, rest = divmod(len(clips), EVALUATION_BATCH)
    sizes = [EVALUATION_BATCH] * whole + ([rest] if rest else [])
    batches = clips.features.batches(np.arange(len(clips)), sizes)
    with learner.choices.computing(learner.device):
        logits = all_logits(learner.result, (batch.normalised() for batch in batches))
    labels = torch.from_numpy(clips.labels).to(logits.device)
    loss = F.cross_entropy(logits.double(), labels).item()
    accuracy = (logits.argmax(dim=1) == labels).double().mean().item()
    return loss, accuracy, logits.softmax(dim=1)
