"""One run's folder, and every path in it."""

import re
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jobs.errors import DamagedFileError
from jobs.files import read_json

OUTCOME = ("reason", "epochs", "kept", "best_epoch", "val_accuracy", "val_loss")
_CHECKPOINT = re.compile(r"epoch-(\d{5})\.json")


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
        """What the run found and chose: device, threads, versions."""
        return self.folder / "hardware.json"

    @property
    def history(self) -> Path:
        """A row an epoch: lr, losses, accuracies, seconds."""
        return self.folder / "history.csv"

    def state(self, epoch: int) -> Path:
        """What training resumes from after an epoch; the last two are there until the run ends."""
        return self.folder / f"state-{epoch:05d}.pt"

    def states(self) -> list[Path]:
        """Return the states that are there, latest first."""
        return sorted(self.folder.glob("state-*.pt"), reverse=True)

    @property
    def events(self) -> Path:
        """What TensorBoard shows."""
        return self.folder / "events"

    @property
    def validation(self) -> Path:
        """Validation predictions of every epoch."""
        return self.folder / "validation.npz"

    @property
    def done(self) -> Path:
        """Exists once training has ended: why, after how many epochs, the best accuracy."""
        return self.folder / "done.json"

    @property
    def lock(self) -> Path:
        return self.folder / ".lock"

    @property
    def checkpoints(self) -> Path:
        return self.folder / "checkpoints"

    def weights(self, epoch: int) -> Path:
        return self.checkpoints / f"epoch-{epoch:05d}.pt"

    def meta(self, epoch: int) -> Path:
        """Beside the weights and readable: epoch, val accuracy, val loss. Written after them."""
        return self.checkpoints / f"epoch-{epoch:05d}.json"

    def predictions(self, test_fingerprint: str) -> Path:
        """The folder of the checkpoints' predictions for one version of the test clips."""
        return self.folder / "predictions" / test_fingerprint

    def probabilities(self, test_fingerprint: str) -> Path:
        """Class probabilities of all kept checkpoints; the last file of its folder to appear."""
        return self.predictions(test_fingerprint) / "probabilities.npz"

    def prediction_csv(self, test_fingerprint: str, epoch: int) -> Path:
        """One checkpoint's predictions in submission form."""
        return self.predictions(test_fingerprint) / f"epoch-{epoch:05d}.csv"

    def epochs_kept(self) -> list[int]:
        """Return the epochs whose checkpoints are complete, ascending."""
        if not self.checkpoints.is_dir():
            return []
        matches = (_CHECKPOINT.fullmatch(path.name) for path in self.checkpoints.iterdir())
        return sorted(int(match[1]) for match in matches if match)

    def is_kept(self, epoch: int) -> bool:
        """Tell whether both files of a checkpoint are there and the readable one can be read."""
        try:
            return read_json(self.meta(epoch))["epoch"] == epoch and self.weights(epoch).exists()
        except (OSError, DamagedFileError, KeyError, TypeError):
            return False

    def is_trained(self) -> bool:
        """Tell whether training has ended and every checkpoint that it kept is still there."""
        outcome = self.outcome()
        return outcome is not None and all(self.is_kept(epoch) for epoch in outcome["kept"])

    def is_complete(self, test_fingerprint: str, has_test: bool) -> bool:
        """Tell whether nothing is left to do: trained, and predictions of these test clips."""
        if not self.is_trained():
            return False
        # A truncated archive has no directory at its end; it is made again from the weights.
        return not has_test or zipfile.is_zipfile(self.probabilities(test_fingerprint))

    def outcome(self) -> dict[str, Any] | None:
        """Return what done.json says, or None while the run is not done."""
        try:
            outcome = read_json(self.done)
        except (OSError, DamagedFileError):
            return None
        whole = isinstance(outcome, dict) and set(outcome) >= set(OUTCOME)
        return outcome if whole else None
