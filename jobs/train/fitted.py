"""A run's checkpoints as models that predict."""

from typing import TYPE_CHECKING

from jobs.errors import DamagedFileError
from jobs.train.checkpoint import Checkpoint
from jobs.train.config import RunConfig
from jobs.train.run import Run
from jobs.train.validation import ValidationPredictions

if TYPE_CHECKING:
    from jobs.models.model import Fitted


def load_fitted(run: Run, checkpoint: Checkpoint, device: str = "cpu") -> "Fitted":
    """Load a checkpoint; it predicts in float32 and with the same bits each time.

    Args:
        run: that it belongs to.
        checkpoint: one of those that the run keeps.
        device: where it predicts; see `jobs.train.compute.device.prepare_device`.

    Raises:
        DamagedFileError: it cannot be read; the run then counts as untrained.
    """
    try:
        config = RunConfig.load(run.config)
        if config.model.needs_gpu:
            from jobs.train.compute.choices import Choices

            Choices().set_kernels()
        return config.model.load(
            checkpoint.weights, checkpoint.classes, config.features.shape, device
        )
    except DamagedFileError as error:
        run.forget_outcome()
        raise DamagedFileError(f"{error}. Launch again: the run is trained anew") from error


def load_validation(run: Run) -> ValidationPredictions:
    """Open a trained run's validation predictions.

    Raises:
        DamagedFileError: they cannot be read; the run then counts as untrained.
    """
    try:
        return ValidationPredictions.load(run.validation)
    except (DamagedFileError, FileNotFoundError) as error:
        run.forget_outcome()
        raise DamagedFileError(f"{error}. Launch again: the run is trained anew") from error
