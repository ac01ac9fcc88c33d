"""One run's folder: every path in it, and how far the run has come. Imports no torch."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Literal

from jobs.errors import DamagedFileError
from jobs.files import read_json, remove, set_aside, write_json
from jobs.train.checkpoint import Checkpoint, epochs_in

End = Literal["whole", "early", "diverged", "paused"]


@dataclass(frozen=True)
class Outcome:
    """How training went, as done.json: it exists once a run has ended or was told to pause.

    Attributes:
        end: after all epochs, early (no longer better, or good enough), since the loss was no
            longer a number, or only paused: then it may be continued.
        reason: the same in words.
        epochs: that were trained.
        kept: epochs of the checkpoints that are kept.
        best_epoch, val_accuracy, val_loss: of the best checkpoint; None if there is none.
    """

    end: End
    reason: str
    epochs: int
    kept: tuple[int, ...]
    best_epoch: int | None
    val_accuracy: float | None
    val_loss: float | None

    @classmethod
    def of(cls, end: End, reason: str, epochs: int, best: Sequence[Checkpoint]) -> "Outcome":
        """Return the outcome of a run with these checkpoints, best first."""
        first = best[0] if best else None
        return cls(
            end=end,
            reason=reason,
            epochs=epochs,
            kept=tuple(sorted(checkpoint.epoch for checkpoint in best)),
            best_epoch=first.epoch if first else None,
            val_accuracy=first.val_accuracy if first else None,
            val_loss=first.val_loss if first else None,
        )

    @property
    def ended(self) -> bool:
        """Whether there is nothing left to train."""
        return self.end != "paused"

    @property
    def is_whole(self) -> bool:
        """Whether all epochs were trained."""
        return self.end == "whole"

    def save(self, path: Path) -> None:
        write_json(path, asdict(self))

    @classmethod
    def load(cls, path: Path) -> "Outcome":
        """Read what `save` wrote.

        Raises:
            DamagedFileError: it is not one of ours.
            FileNotFoundError: there is none.
        """
        found = read_json(path)
        try:
            values = {field.name: found[field.name] for field in fields(cls)}
            return cls(**values | {"kept": tuple(map(int, values["kept"]))})
        except (KeyError, TypeError, ValueError) as error:
            raise DamagedFileError(f"{path} is damaged: {error!r}") from error


@dataclass(frozen=True)
class Run:
    """The folder of one run, named by its signature."""

    folder: Path

    @property
    def config(self) -> Path:
        """The resolved RunConfig."""
        return self.folder / "config.json"

    @property
    def hardware(self) -> Path:
        """What the run found and chose: device, threads, versions. See `Hardware`."""
        return self.folder / "hardware.json"

    @property
    def history(self) -> Path:
        """A row an epoch: lr, losses, accuracies, seconds. See `History`."""
        return self.folder / "history.csv"

    @property
    def events(self) -> Path:
        """What TensorBoard shows."""
        return self.folder / "events"

    @property
    def validation(self) -> Path:
        """Validation predictions of every epoch. See `ValidationPredictions`."""
        return self.folder / "validation.bin"

    @property
    def done(self) -> Path:
        """See `Outcome`."""
        return self.folder / "done.json"

    @property
    def lock(self) -> Path:
        return self.folder / ".lock"

    @property
    def checkpoints(self) -> Path:
        return self.folder / "checkpoints"

    @property
    def predictions(self) -> Path:
        """What checkpoints say of clips that are not validated on."""
        return self.folder / "predictions"

    @property
    def predictions_lock(self) -> Path:
        return self.folder / ".predictions-lock"

    def predictions_of(self, target: str, epoch: int) -> Path:
        """What one checkpoint says of a target: of the test or of the holdout."""
        return self.predictions / f"{target}-epoch-{epoch:05d}.npz"

    def test_predictions(self, epoch: int) -> Path:
        return self.predictions_of("test", epoch)

    def test_submission(self, epoch: int) -> Path:
        """One checkpoint's test predictions in submission form."""
        return self.predictions / f"test-epoch-{epoch:05d}.csv"

    def meta(self, epoch: int) -> Path:
        """The readable file of a checkpoint. See `Checkpoint`."""
        return self.checkpoints / f"epoch-{epoch:05d}.json"

    def state(self, epoch: int) -> Path:
        """What training resumes from after an epoch; the last two are there until the run ends."""
        return self.folder / f"state-{epoch:05d}.pt"

    def states(self) -> list[Path]:
        """Return the states that are there, latest first."""
        return sorted(self.folder.glob("state-*.pt"), reverse=True)

    def outcome(self) -> Outcome | None:
        """Return what done.json says, or None while there is none, or none that was written whole.

        Raises:
            OSError: it cannot be read now. That is no outcome of the run, and must not be taken for
                one: a run without outcome is trained.
        """
        try:
            return Outcome.load(self.done)
        except (FileNotFoundError, DamagedFileError):
            return None

    def checkpoints_kept(self) -> list[Checkpoint]:
        """Return the checkpoints of the outcome, or while there is none, those that lie there.

        Raises:
            DamagedFileError: a readable file is damaged or missing.
        """
        outcome = self.outcome()
        epochs = epochs_in(self.checkpoints) if outcome is None else sorted(outcome.kept)
        try:
            return [Checkpoint.load(self.meta(epoch)) for epoch in epochs]
        except FileNotFoundError as error:
            raise DamagedFileError(f"{error.filename} is missing; launch again") from error

    def is_trained(self) -> bool:
        """Whether training has ended and every checkpoint that it kept is still there."""
        return self.is_trained_to(None)

    def is_trained_to(self, epoch: int | None) -> bool:
        """Whether there are results of so many epochs, or of a run that ended before; None: all.

        Raises:
            OSError: a file that tells cannot be read now.
        """
        outcome = self.outcome()
        if outcome is None or not all(self._is_kept(each) for each in outcome.kept):
            return False
        return outcome.ended or (epoch is not None and outcome.epochs >= epoch)

    def _is_kept(self, epoch: int) -> bool:
        """Whether both files of a checkpoint are there and the readable one can be read."""
        try:
            checkpoint = Checkpoint.load(self.meta(epoch))
            return checkpoint.epoch == epoch and checkpoint.weights.exists()
        except (FileNotFoundError, DamagedFileError):
            return False

    def forget_outcome(self) -> None:
        """Let the run count as untrained: it goes on, or something that it left is damaged."""
        outcome = self.outcome()
        if outcome is not None and not outcome.ended:
            remove(self.done)
        else:
            set_aside(self.done)
