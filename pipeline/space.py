"""Will the results fit? Asked before any work starts."""

import contextlib
import os
import shutil
from pathlib import Path

from jobs.errors import InputError
from pipeline.plan import OpenedPlan
from pipeline.stages import EXTRACT, TRAIN, Stage

BYTES_PER_PARAMETER = 4
SMALL_FILES_PER_RUN = 2_000_000
FILES_PER_RUN = 25


def make_writable(folder: Path) -> None:
    """Create the output folder and try to write in it.

    Raises:
        InputError: it cannot be made, or not be written.
    """
    probe = folder / f".probe-{os.getpid()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"x" * 4096)
    except OSError as error:
        raise InputError(
            f"the output folder {folder} cannot be written: {error.strerror or error}. Choose "
            "another with --out, or free some space"
        ) from None
    finally:
        with contextlib.suppress(OSError):
            probe.unlink(missing_ok=True)


def require_space(opened: OpenedPlan, stages: list[Stage]) -> None:
    """Refuse a launch whose results cannot fit on the disk.

    Raises:
        InputError: says how much is needed and how much is free, in bytes or in files.
    """
    root = opened.workspace.root
    needed, files = _needed(opened, {stage.name: stage for stage in stages})
    free = shutil.disk_usage(root).free
    if needed > free:
        raise InputError(
            f"{root} has {_megabytes(free)} free, but features and checkpoints need about "
            f"{_megabytes(needed)}. Free some space or choose another --out"
        )
    status = os.statvfs(root)
    if status.f_files and files > status.f_favail:
        raise InputError(
            f"{root} may hold {status.f_favail} more files (inodes), but about {files} are "
            "needed. Delete some or choose another --out"
        )


def _needed(opened: OpenedPlan, stages: dict[str, Stage]) -> tuple[int, int]:
    """Return about how many bytes and files are still to be written."""
    extract, train = stages[EXTRACT], stages[TRAIN]
    share = len(extract.items) / extract.total
    per_clip = sum(config.bytes_per_clip for config in opened.plan.features)
    needed = int(per_clip * len(opened.manifest) * share)
    for item in train.items:
        config = opened.plan.runs[item].config
        # The best checkpoints of two epochs, and three states while one is replaced: weights,
        # at most two values of the optimiser for each, and an average.
        copies = config.keep + 1 + 3 * (4 if config.ema or config.optimizer == "adamw" else 2)
        weights = BYTES_PER_PARAMETER * config.approximate_parameters
        needed += copies * weights + SMALL_FILES_PER_RUN
    files = 100 + 5 * len(extract.items) + FILES_PER_RUN * len(train.items)
    return needed, files


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"
