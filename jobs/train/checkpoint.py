"""What choosing a checkpoint needs, readable without any tensor. Imports no torch."""

from dataclasses import dataclass

from jobs.errors import DamagedFileError
from jobs.files import read_json
from jobs.train.run import Run


@dataclass(frozen=True)
class Checkpoint:
    """What choosing a checkpoint needs; loading it reads no tensor."""

    epoch: int
    val_accuracy: float
    val_loss: float

    @property
    def rank(self) -> tuple[float, float, int]:
        """Smaller is better: validation accuracy, then validation loss, then the earlier epoch."""
        return (-self.val_accuracy, self.val_loss, self.epoch)

    @classmethod
    def load(cls, run: Run, epoch: int) -> "Checkpoint":
        """Read the file beside the weights.

        Raises:
            DamagedFileError: it is not what `jobs.train.weights.save_checkpoint` wrote.
        """
        try:
            meta = read_json(run.meta(epoch))
            return cls(int(meta["epoch"]), float(meta["val_accuracy"]), float(meta["val_loss"]))
        except (KeyError, TypeError, ValueError) as error:
            raise DamagedFileError(f"{run.meta(epoch)} is damaged: {error!r}") from error


def drop_all_but(run: Run, kept: set[int]) -> None:
    """Remove the checkpoints of other epochs, and weights that a kill left without their file.

    Of each checkpoint the file that makes it exist goes first.
    """
    if not run.checkpoints.is_dir():
        return
    wanted = {path for epoch in kept for path in (run.meta(epoch), run.weights(epoch))}
    for path in sorted(run.checkpoints.iterdir(), key=lambda path: path.suffix != ".json"):
        if path not in wanted and path.suffix in (".json", ".pt"):
            path.unlink(missing_ok=True)
