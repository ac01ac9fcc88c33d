"""One epoch's model, kept: its weights, and a readable file beside them. Imports no torch."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from jobs.errors import DamagedFileError
from jobs.files import read_json, remove, set_aside, write_json
from jobs.models.archive import whole_bytes
from jobs.models.normalise import NORMALISATION

if TYPE_CHECKING:
    from jobs.models.model import Fitted
    from jobs.train.config import RunConfig


@dataclass(frozen=True)
class Checkpoint:
    """A model after one epoch. It exists once the readable file does, which is written last.

    Attributes:
        folder: where both files lie.
        epoch: from 1.
        val_accuracy, val_loss: what it is chosen by.
        suffix: of the weights, which their model decides.
        classes: labels by class index.
        weights_sha256: of the file of weights.
    """

    folder: Path = field(compare=False)
    epoch: int
    val_accuracy: float
    val_loss: float
    suffix: str
    classes: tuple[str, ...] = field(default=(), compare=False)
    weights_sha256: str = field(default="", compare=False)

    @property
    def rank(self) -> tuple[float, float, int]:
        """Smaller is better: validation accuracy, then validation loss, then the earlier epoch."""
        return (-self.val_accuracy, self.val_loss, self.epoch)

    @property
    def weights(self) -> Path:
        return self.folder / f"epoch-{self.epoch:05d}{self.suffix}"

    @property
    def meta(self) -> Path:
        """The readable file."""
        return self.folder / f"epoch-{self.epoch:05d}.json"

    def save(self, fitted: "Fitted", config: "RunConfig") -> None:
        """Write the weights, then the file beside them that makes the checkpoint exist."""
        fitted.save(self.weights)
        meta = {
            "epoch": self.epoch,
            "val_accuracy": self.val_accuracy,
            "val_loss": self.val_loss,
            "weights": self.weights.name,
            "weights_sha256": hashlib.sha256(self.weights.read_bytes()).hexdigest(),
            "classes": list(fitted.classes),
            "normalisation": NORMALISATION,
            "config": config.settings(),
        }
        write_json(self.meta, meta)

    @classmethod
    def load(cls, meta: Path) -> "Checkpoint":
        """Read the file beside the weights, and no weights.

        Raises:
            DamagedFileError: it is not what `save` wrote.
            FileNotFoundError: there is none.
        """
        found = read_json(meta)
        try:
            return cls(
                folder=meta.parent,
                epoch=int(found["epoch"]),
                val_accuracy=float(found["val_accuracy"]),
                val_loss=float(found["val_loss"]),
                suffix=Path(found["weights"]).suffix,
                classes=tuple(map(str, found["classes"])),
                weights_sha256=str(found["weights_sha256"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise DamagedFileError(f"{meta} is damaged: {error!r}") from error

    def require_whole(self) -> None:
        """Read both files, the weights byte by byte, but into no model.

        Raises:
            DamagedFileError: one is cut or changed, or the weights are missing.
            FileNotFoundError: the readable file is missing.
            OSError, MemoryError: one cannot be read now.
        """
        Checkpoint.load(self.meta)
        whole_bytes(self.weights)


def epochs_in(folder: Path) -> list[int]:
    """Return the epochs whose checkpoints lie in a folder, ascending."""
    names = (path.stem for path in folder.glob("epoch-?????.json"))
    return sorted(int(name.removeprefix("epoch-")) for name in names)


def drop_all_but(folder: Path, epochs: Sequence[int] | set[int]) -> None:
    """Remove the checkpoints of other epochs, and weights that a kill left without their file.

    Of each checkpoint the file that makes it exist goes first.
    """
    stems = {f"epoch-{epoch:05d}" for epoch in epochs}
    for path in sorted(folder.glob("epoch-*"), key=lambda path: path.suffix != ".json"):
        if path.stem not in stems:
            remove(path)


def set_all_aside(folder: Path) -> None:
    """Make room for a run that begins anew; its former checkpoints may be good, so none is lost."""
    for path in sorted(folder.glob("epoch-*")):
        set_aside(path)
