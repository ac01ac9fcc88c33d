"""What a killed run resumes from: one file an epoch, of which the last two are there."""

import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from jobs.errors import DamagedFileError
from jobs.files import write_bytes
from jobs.train.checkpoint import Checkpoint, drop_all_but
from jobs.train.learner import Learner
from jobs.train.run import Run
from jobs.train.weights import from_file, require_whole, to_bytes

log = logging.getLogger(__name__)

PARTS = {"learner", "history", "best", "best_before", "validation"}


@dataclass
class Progress:
    """What a run has done so far.

    Attributes:
        history: a row an epoch, in order.
        best: the checkpoints kept, best first.
        best_before: those kept one epoch earlier; the state before the last needs them.
        validation: float32 [validation clips, classes] an epoch, in order.
    """

    history: list[dict[str, Any]] = field(default_factory=list)
    best: list[Checkpoint] = field(default_factory=list)
    best_before: list[Checkpoint] = field(default_factory=list)
    validation: list[np.ndarray] = field(default_factory=list)

    @property
    def epoch(self) -> int:
        """Epochs done."""
        return len(self.history)

    @property
    def needed(self) -> set[int]:
        """Epochs whose checkpoints one of the last two states builds upon."""
        return {checkpoint.epoch for checkpoint in (*self.best, *self.best_before)}


def save_state(run: Run, progress: Progress, learner: Learner) -> None:
    """Write the state after an epoch; the epoch counts as done once this returns.

    The state before it stays, in case this one is damaged; older ones go.
    """
    content = {
        "learner": learner.state_dict(),
        "history": progress.history,
        "best": [[c.epoch, c.val_accuracy, c.val_loss] for c in progress.best],
        "best_before": [[c.epoch, c.val_accuracy, c.val_loss] for c in progress.best_before],
        "validation": [torch.from_numpy(p) for p in progress.validation],
    }
    write_bytes(run.state(progress.epoch), to_bytes(content))
    for old in run.states()[2:]:
        old.unlink(missing_ok=True)


def restore_state(run: Run, learner: Learner) -> Progress:
    """Load the latest state that is whole into the learner; without one, start from nothing.

    Checkpoints that the killed process wrote after that state are removed: they will be written
    again, bit for bit the same.
    """
    progress = Progress()
    for path in run.states():
        content = _read(run, path)
        if content is None:
            path.unlink()
            continue
        learner.load_state_dict(content["learner"])
        progress = Progress(
            history=content["history"],
            best=[Checkpoint(*values) for values in content["best"]],
            best_before=[Checkpoint(*values) for values in content["best_before"]],
            validation=[t.cpu().numpy() for t in content["validation"]],
        )
        break
    drop_all_but(run, progress.needed)
    return progress


def forget_states(run: Run) -> None:
    """Remove all states: the run has ended."""
    for path in run.states():
        path.unlink(missing_ok=True)


def _read(run: Run, path: Path) -> dict[str, Any] | None:
    """Read a state, or return None, saying why, if it or a checkpoint that it needs is damaged."""
    try:
        content = from_file(path)
        missing = PARTS - set(content)
        if missing:
            raise DamagedFileError(f"{path} lacks {', '.join(sorted(missing))}")
        for epoch, *_ in content["best"]:
            Checkpoint.load(run, epoch)
            require_whole(run.weights(epoch))
    except (DamagedFileError, FileNotFoundError) as error:
        log.warning("%s; going back to the state before it", error)
        return None
    return content
