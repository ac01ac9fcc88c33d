"""Weights with what is needed to use them: normalisation, class list, config."""

import errno
import io
import zipfile
from pathlib import Path
from typing import Any

import torch
from torch import nn

from jobs.data.manifest import Manifest
from jobs.errors import DamagedFileError
from jobs.files import write_bytes, write_json
from jobs.train.checkpoint import Checkpoint
from jobs.train.clips.normalise import NORMALISATION
from jobs.train.compute.choices import Choices
from jobs.train.config import RunConfig
from jobs.train.models import build_model
from jobs.train.run import Run


def save_checkpoint(
    run: Run, checkpoint: Checkpoint, model: nn.Module, config: RunConfig, manifest: Manifest
) -> None:
    """Write weights, then the file beside them that makes the checkpoint exist."""
    classes = list(manifest.classes)
    content = {
        "weights": {name: t.detach().cpu() for name, t in model.state_dict().items()},
        "config": config.model_dump(),
        "classes": classes,
        "normalisation": NORMALISATION,
    }
    write_bytes(run.weights(checkpoint.epoch), to_bytes(content))
    meta = {
        "epoch": checkpoint.epoch,
        "val_accuracy": checkpoint.val_accuracy,
        "val_loss": checkpoint.val_loss,
        "classes": classes,
        "normalisation": NORMALISATION,
    }
    write_json(run.meta(checkpoint.epoch), meta)


def load_model(run: Run, epoch: int, device: str) -> nn.Module:
    """Rebuild the model of a checkpoint.

    Raises:
        DamagedFileError: the weights cannot be read or do not fit the model.
    """
    content = _read(run, epoch)
    model = build_model(RunConfig(**content["config"]), len(content["classes"]))
    model.load_state_dict(content["weights"])
    # As in training on a CPU: another order in memory rounds sums differently.
    return Choices().place(model, device)


def _read(run: Run, epoch: int) -> dict[str, Any]:
    """Read a checkpoint; if it is damaged, the run counts as trained no longer."""
    try:
        return from_file(run.weights(epoch))
    except DamagedFileError as error:
        run.done.unlink(missing_ok=True)
        raise DamagedFileError(f"{error}. Launch again: the run is trained anew") from error


def from_file(path: Path) -> dict[str, Any]:
    """Read what `to_bytes` made into host memory, every byte checked, running no code from it.

    Raises:
        DamagedFileError: the file is missing, cut or changed.
        OSError, MemoryError: it cannot be read now.
    """
    require_whole(path)
    try:
        content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds for a damaged archive
        raise _damaged(path, error) from error
    return content


def require_whole(path: Path) -> None:
    """Check every byte of a file that `to_bytes` made; torch itself ignores the checksums.

    Raises:
        DamagedFileError: the file is missing, cut or changed.
        OSError, MemoryError: it cannot be read now.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            changed = archive.testzip()
    except Exception as error:  # zipfile raises many kinds for a damaged archive
        raise _damaged(path, error) from error
    if changed is not None:
        raise DamagedFileError(f"{path} is damaged: a checksum of {changed} does not fit")


def _damaged(path: Path, error: Exception) -> Exception:
    """Return what to raise: a file is not damaged because memory or its server fails just now."""
    of_the_file = not isinstance(error, OSError) or error.errno in (errno.ENOENT, errno.EINVAL)
    if isinstance(error, MemoryError) or not of_the_file:
        return error
    return DamagedFileError(f"{path} is damaged: {error!r}")


def to_bytes(content: dict[str, Any]) -> bytes:
    """Serialise through memory: the bytes then don't depend on the file's name."""
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()
