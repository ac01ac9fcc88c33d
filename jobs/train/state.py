"""What a killed run resumes from, saved at the end of each epoch in one file."""

import logging
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.optim import Optimizer

from jobs.errors import DamagedFileError
from jobs.files import write_bytes
from jobs.train.checkpoint import Checkpoint, drop_all_but
from jobs.train.run import Run
from jobs.train.schedule import Schedule
from jobs.train.weights import from_file, to_bytes

log = logging.getLogger(__name__)


@dataclass
class Progress:
    """What a run has done so far.

    Attributes:
        history: a row an epoch, in order.
        best: the checkpoints kept, best first.
        validation: float32 [validation clips, classes] an epoch, in order.
    """

    history: list[dict[str, Any]] = field(default_factory=list)
    best: list[Checkpoint] = field(default_factory=list)
    validation: list[np.ndarray] = field(default_factory=list)

    @property
    def epoch(self) -> int:
        """Epochs done."""
        return len(self.history)


def save_state(
    run: Run, progress: Progress, model: nn.Module, optimizer: Optimizer, schedule: Schedule
) -> None:
    """Write state.pt; an epoch counts as done once this returns."""
    content = {
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "schedule": schedule.state_dict(),
        "history": progress.history,
        "best": [[c.epoch, c.val_accuracy, c.val_loss] for c in progress.best],
        "validation": [torch.from_numpy(p) for p in progress.validation],
    }
    write_bytes(run.state, to_bytes(content))


def restore_state(
    run: Run, model: nn.Module, optimizer: Optimizer, schedule: Schedule, device: str
) -> Progress:
    """Load state.pt into model, optimiser and schedule; without one, start from nothing.

    Checkpoints that the killed process wrote after its last saved epoch are removed: they will
    be written again, bit for bit the same.
    """
    progress = Progress()
    content = _read(run, device)
    if content is not None:
        model.load_state_dict(content["model"])
        optimizer.load_state_dict(content["optimizer"])
        schedule.load_state_dict(content["schedule"])
        progress = Progress(
            history=content["history"],
            best=[Checkpoint(*values) for values in content["best"]],
            validation=[t.cpu().numpy() for t in content["validation"]],
        )
    drop_all_but(run, {checkpoint.epoch for checkpoint in progress.best})
    return progress


def _read(run: Run, device: str) -> dict[str, Any] | None:
    if not run.state.exists():
        return None
    try:
        content = from_file(run.state, device)
    except DamagedFileError as error:
        log.warning("%s; the run starts again from its first epoch", error)
        return None
    missing = {"model", "optimizer", "schedule", "history", "best", "validation"} - set(content)
    if missing or not all(run.is_kept(values[0]) for values in content["best"]):
        log.warning("%s or its checkpoints are incomplete; the run starts again", run.state)
        return None
    return content
