"""What a killed run resumes from: one file an epoch, of which the last two are there."""

import logging
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from jobs.errors import DamagedFileError
from jobs.files import remove, set_aside, write_bytes
from jobs.models.archive import from_file, to_bytes
from jobs.train.checkpoint import Checkpoint, drop_all_but, epochs_in, set_all_aside
from jobs.train.history import History, HistoryRow
from jobs.train.learner import Learner
from jobs.train.run import Run
from jobs.train.validation import ValidationPredictions

log = logging.getLogger(__name__)

PARTS = {"learner", "history", "best", "best_before"}


@dataclass
class State:
    """How far a run has come. The learner's tensors and this make it go on bit for bit.

    Validation predictions lie in a file of their own, which has a record for each of these epochs
    before the state is written.

    Attributes:
        history: of the epochs done.
        best: the checkpoints kept, best first.
        best_before: those kept one epoch earlier; the state before the last needs them.
    """

    history: History = field(default_factory=History)
    best: list[Checkpoint] = field(default_factory=list)
    best_before: list[Checkpoint] = field(default_factory=list)

    @property
    def epoch(self) -> int:
        """Epochs done."""
        return len(self.history.rows)

    @property
    def needed(self) -> set[int]:
        """Epochs whose checkpoints one of the last two states builds upon."""
        return {checkpoint.epoch for checkpoint in (*self.best, *self.best_before)}

    def save(self, path: Path, learner: Learner) -> None:
        """Write the state after an epoch; the epoch counts as done once this returns."""
        content = {
            "learner": learner.state_dict(),
            "history": [asdict(row) for row in self.history.rows],
            "best": [_values(checkpoint) for checkpoint in self.best],
            "best_before": [_values(checkpoint) for checkpoint in self.best_before],
        }
        write_bytes(path, to_bytes(content))

    @classmethod
    def load(cls, path: Path, checkpoints: Path) -> tuple["State", dict[str, Any]]:
        """Read what `save` wrote, and check the checkpoints that the state builds upon.

        Args:
            path: of the state.
            checkpoints: the folder of the run's checkpoints.

        Returns:
            The state, and the learner's.

        Raises:
            DamagedFileError: the state or such a checkpoint is damaged, or is missing.
            OSError, MemoryError: one cannot be read now.
        """
        content = from_file(path)
        missing = PARTS - set(content)
        if missing:
            raise DamagedFileError(f"{path} lacks {', '.join(sorted(missing))}")
        state = cls(
            History([HistoryRow(**row) for row in content["history"]]),
            [Checkpoint(checkpoints, *values) for values in content["best"]],
            [Checkpoint(checkpoints, *values) for values in content["best_before"]],
        )
        for checkpoint in state.best:
            try:
                checkpoint.require_whole()
            except FileNotFoundError as error:
                raise DamagedFileError(f"{error.filename} is missing") from error
        return state, content["learner"]


def _values(checkpoint: Checkpoint) -> tuple[int, float, float, str]:
    return (
        checkpoint.epoch, checkpoint.val_accuracy, checkpoint.val_loss, checkpoint.suffix
    )  # fmt: skip


def save_state(run: Run, state: State, learner: Learner) -> None:
    """Write the state after an epoch. The one before stays, in case this one gets damaged."""
    state.save(run.state(state.epoch), learner)
    # Only now: until this one is complete, the two before it are what a kill falls back on.
    for old in run.states()[2:]:
        remove(old)
    drop_all_but(run.checkpoints, state.needed)


def restore_state(run: Run, learner: Learner, validation: ValidationPredictions) -> State:
    """Load the latest state that is whole into the learner; without one, start from nothing.

    Whole is a state that can be read, whose checkpoints can, and for each of whose epochs there
    are validation predictions. What the killed process wrote after it (checkpoints, predictions)
    is removed: it will be written again, bit for bit the same. Without a state,
    checkpoints of later epochs may be all that is left of a run that had ended: they are set aside.
    """
    state, predicted = State(), validation.epochs()
    for path in run.states():
        try:
            found, of_learner = State.load(path, run.checkpoints)
            if found.epoch > predicted:
                raise DamagedFileError(
                    f"{validation.path} has predictions of {predicted} epochs that can be read, "
                    f"not of {found.epoch}"
                )
        except DamagedFileError as error:
            log.warning("%s; going back to the state before it", error)
            set_aside(path)
            continue
        # Not before everything that it builds upon is known to be whole.
        learner.load_state_dict(of_learner)
        state = found
        break
    # A kill before the first state leaves no more than the first epoch's checkpoint.
    if state.epoch == 0 and any(epoch > 1 for epoch in epochs_in(run.checkpoints)):
        set_all_aside(run.checkpoints)
    else:
        drop_all_but(run.checkpoints, state.needed)
    validation.keep(state.epoch)
    return state


def forget_states(run: Run) -> None:
    """Remove all states: the run has ended."""
    for path in run.states():
        remove(path)
