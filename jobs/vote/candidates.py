"""All checkpoints of all grid entries that may vote, best first, and the entries that have none."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from jobs.errors import DamagedFileError
from jobs.schema import fingerprint
from jobs.train.checkpoint import Checkpoint
from jobs.train.run import Run
from jobs.train.validation import ValidationPredictions


@dataclass(frozen=True)
class Entry:
    """One hyper-parameter set of a grid: the name it has there, its position, its run or runs.

    Attributes:
        runs: one, or with folds one for each.
        name: as the grid has it.
        position: in the grid, from 0.
        stopped: at which rung of successive halving, in words; None if it went on.
    """

    runs: tuple[Run, ...]
    name: str
    position: int
    stopped: str | None = None

    @property
    def signature(self) -> str:
        signatures = [run.folder.name for run in self.runs]
        return signatures[0] if len(signatures) == 1 else fingerprint(signatures)


@dataclass(frozen=True)
class Member:
    """One checkpoint of one run."""

    run: Run
    checkpoint: Checkpoint

    @property
    def signature(self) -> str:
        return self.run.folder.name

    @property
    def test_predictions(self) -> Path:
        return self.run.test_predictions(self.checkpoint.epoch)


@dataclass(frozen=True)
class Candidate:
    """What an entry is after one epoch: a checkpoint, or with folds one of each.

    Attributes:
        entry: that it belongs to.
        epoch: that is meant; a fold that stopped earlier stands in with its last.
        members: one for each run of the entry.
        val_accuracy, val_loss: over the validation clips of all of them.
    """

    entry: Entry
    epoch: int
    members: tuple[Member, ...]
    val_accuracy: float
    val_loss: float

    @property
    def rank(self) -> tuple[float, float, int, int]:
        """Smaller is better: val accuracy, then val loss, then grid position, then epoch."""
        return (-self.val_accuracy, self.val_loss, self.entry.position, self.epoch)

    @property
    def title(self) -> str:
        return f"{self.entry.name} epoch {self.epoch}"


@dataclass(frozen=True)
class AbsentEntry:
    """An entry that cannot vote, and why."""

    entry: Entry
    reason: str


class _NoVoterError(Exception):
    """Why an entry cannot vote."""


HasPredictions = Callable[[Run, Checkpoint], bool]


def rank_candidates(
    entries: Sequence[Entry], has_predictions: HasPredictions
) -> tuple[list[Candidate], list[AbsentEntry]]:
    """Return the candidates of all entries that may vote, best first, and the others.

    Only the readable file beside each checkpoint is opened, and with folds the head of each
    validation file.

    Args:
        entries: in the order of the grid.
        has_predictions: tells whether a checkpoint has predictions of the present test clips.
    """
    candidates: list[Candidate] = []
    absent: list[AbsentEntry] = []
    for entry in entries:
        if entry.stopped is not None:
            absent.append(AbsentEntry(entry, entry.stopped))
            continue
        try:
            candidates += _candidates_of(entry, has_predictions)
        except _NoVoterError as error:
            absent.append(AbsentEntry(entry, str(error)))
    return sorted(candidates, key=lambda candidate: candidate.rank), absent


def _candidates_of(entry: Entry, has_predictions: HasPredictions) -> list[Candidate]:
    """Return the candidates of an entry, each of an epoch that every fold has."""
    if len(entry.runs) == 1:
        (run,) = entry.runs
        return [
            Candidate(entry, c.epoch, (Member(run, c),), c.val_accuracy, c.val_loss)
            for c in _checkpoints(run, has_predictions).values()
        ]
    of_folds, clips = [], []
    for number, run in enumerate(entry.runs, start=1):
        try:
            of_folds.append(_whole_fold(run, has_predictions))
            clips.append(len(ValidationPredictions.load(run.validation).ids))
        except (_NoVoterError, DamagedFileError, FileNotFoundError) as error:
            raise _NoVoterError(f"fold {number}: {error}") from error
    epochs = sorted({epoch for checkpoints in of_folds for epoch in checkpoints})
    longest = max(max(checkpoints) for checkpoints in of_folds)
    # A fold's last epoch may be none of the planned ones, if it stopped early: it stands in, and
    # is no epoch to rank at unless no fold went further.
    shared = [e for e in epochs if e == longest or all(_at(c, e) for c in of_folds)]
    return [_of_epoch(entry, epoch, of_folds, clips) for epoch in shared]


def _of_epoch(
    entry: Entry, epoch: int, of_folds: Sequence[Mapping[int, Checkpoint]], clips: Sequence[int]
) -> Candidate:
    """Return an entry after one epoch, judged over the validation clips of all folds."""
    there = [checkpoints[min(epoch, max(checkpoints))] for checkpoints in of_folds]
    members = tuple(Member(run, c) for run, c in zip(entry.runs, there, strict=True))
    total = sum(clips)
    accuracy = sum(n * c.val_accuracy for n, c in zip(clips, there, strict=True)) / total
    loss = sum(n * c.val_loss for n, c in zip(clips, there, strict=True)) / total
    return Candidate(entry, epoch, members, accuracy, loss)


def _at(checkpoints: Mapping[int, Checkpoint], epoch: int) -> bool:
    """Return whether a fold has an epoch, or has ended before it."""
    return epoch in checkpoints or epoch > max(checkpoints)


def _whole_fold(run: Run, has_predictions: HasPredictions) -> dict[int, Checkpoint]:
    """Return the checkpoints of a fold, which must have trained to an end that was meant."""
    checkpoints = _checkpoints(run, has_predictions)
    outcome = run.outcome()
    if outcome is None or outcome.end == "diverged":
        raise _NoVoterError(outcome.reason if outcome else "it has not trained to its end")
    return checkpoints


def _checkpoints(run: Run, has_predictions: HasPredictions) -> dict[int, Checkpoint]:
    """Return the checkpoints of a run that may vote, by epoch."""
    if not run.folder.exists():
        raise _NoVoterError("it has not started")
    # Only of a run that is trained are the checkpoints there that it says it kept.
    if not run.is_trained():
        raise _NoVoterError("it has not trained to its end")
    try:
        checkpoints = run.checkpoints_kept()
    except DamagedFileError as error:
        raise _NoVoterError(str(error)) from error
    if not checkpoints:
        outcome = run.outcome()
        reason = outcome.reason if outcome else "for an unknown reason"
        raise _NoVoterError(f"it has no checkpoint: {reason}")
    if not all(has_predictions(run, checkpoint) for checkpoint in checkpoints):
        raise _NoVoterError("it has no predictions of the present test clips")
    return {checkpoint.epoch: checkpoint for checkpoint in checkpoints}
