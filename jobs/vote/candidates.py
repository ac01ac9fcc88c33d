"""All checkpoints of all runs that may vote, best first, and the runs that have none."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from jobs.errors import DamagedFileError
from jobs.train.checkpoint import Checkpoint
from jobs.train.run import Run


@dataclass(frozen=True)
class Entry:
    """A run of a grid: its folder, the name that the grid gave it, its position there."""

    run: Run
    name: str
    position: int

    @property
    def signature(self) -> str:
        return self.run.folder.name


@dataclass(frozen=True)
class Candidate:
    """One checkpoint of one run."""

    entry: Entry
    checkpoint: Checkpoint

    @property
    def rank(self) -> tuple[float, float, int, int]:
        """Smaller is better: val accuracy, then val loss, then grid position, then epoch."""
        c = self.checkpoint
        return (-c.val_accuracy, c.val_loss, self.entry.position, c.epoch)

    @property
    def title(self) -> str:
        return f"{self.entry.name} epoch {self.checkpoint.epoch}"

    @property
    def test_predictions(self) -> Path:
        return self.entry.run.test_predictions(self.checkpoint.epoch)


@dataclass(frozen=True)
class AbsentRun:
    """A run that cannot vote, and why."""

    entry: Entry
    reason: str


HasPredictions = Callable[[Run, Checkpoint], bool]


def rank_candidates(
    entries: Sequence[Entry], has_predictions: HasPredictions
) -> tuple[list[Candidate], list[AbsentRun]]:
    """Return the checkpoints of all runs that may vote, best first, and the runs that may not.

    Only the readable file beside each checkpoint is opened.

    Args:
        entries: in the order of the grid.
        has_predictions: tells whether a checkpoint has predictions of the present test clips.
    """
    candidates: list[Candidate] = []
    absent: list[AbsentRun] = []
    for entry in entries:
        checkpoints, reason = _voters_of(entry.run, has_predictions)
        candidates += [Candidate(entry, checkpoint) for checkpoint in checkpoints]
        if reason:
            absent.append(AbsentRun(entry, reason))
    return sorted(candidates, key=lambda candidate: candidate.rank), absent


def _voters_of(run: Run, has_predictions: HasPredictions) -> tuple[list[Checkpoint], str]:
    """Return the checkpoints of a run that may vote, or none and the reason."""
    if not run.folder.exists():
        return [], "it never started"
    # Only of a run that is trained are the checkpoints there that it says it kept.
    if not run.is_trained():
        return [], "it did not train to its end"
    try:
        checkpoints = run.checkpoints_kept()
    except DamagedFileError as error:
        return [], str(error)
    if not checkpoints:
        outcome = run.outcome()
        return [], f"it has no checkpoint: {outcome.reason if outcome else 'for an unknown reason'}"
    if not all(has_predictions(run, checkpoint) for checkpoint in checkpoints):
        return [], "it has no predictions of the present test clips"
    return checkpoints, ""
