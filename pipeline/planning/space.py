"""Will the results fit? Asked before any work starts."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from jobs.data.workspace import Workspace
from jobs.errors import InputError
from jobs.temporaries import temporary_beside
from pipeline.planning.plan import OpenedPlan
from pipeline.planning.quota import quota_of
from pipeline.stages.stage import Work

# Plan, manifest, locks and the like.
FILES_OF_AN_OUTPUT = 100
LOCAL_TO_A_NODE = ("/tmp", "/var/tmp", "/dev/shm")


def make_writable(workspace: Workspace) -> None:
    """Create the output folder, closed to other writers, and try to write in it.

    Raises:
        InputError: it cannot be made, or not be written, or is somebody else's.
    """
    folder = workspace.root
    probe = temporary_beside(folder / "probe")
    try:
        workspace.prepare()
        with probe.open("xb") as file:
            file.write(b"x" * 4096)
    except OSError as error:
        raise InputError(
            f"the output folder {folder} cannot be written: {error.strerror or error}. Choose "
            "another with --out, or free some space"
        ) from None
    finally:
        with contextlib.suppress(OSError):
            probe.unlink(missing_ok=True)


def require_space(opened: OpenedPlan, stages: Sequence[Work]) -> None:
    """Refuse a launch whose results cannot fit on the disk.

    Raises:
        InputError: says how much is needed and how much is free, in bytes or in files.
    """
    root = opened.workspace.root
    needed = sum(work.stage.space(opened, work.items).bytes for work in stages)
    files = files_needed(opened, stages)
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
    quota = quota_of(root)
    if quota is not None and (needed > quota.bytes_left or files > quota.files_left):
        raise InputError(
            f"the quota of {root} is too small: {quota}, and about {_megabytes(needed)} and "
            f"{files} files are needed. Delete some or choose another --out"
        )


def files_needed(opened: OpenedPlan, stages: Sequence[Work]) -> int:
    """Return about how many files a launch will make in its output folder."""
    return FILES_OF_AN_OUTPUT + sum(work.stage.space(opened, work.items).files for work in stages)


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"


def is_local_to_a_node(path: Path) -> bool:
    """Return whether a path lies in a temporary folder, which each node has its own of."""
    temporary = {*map(Path, LOCAL_TO_A_NODE), Path(tempfile.gettempdir())}
    return any(folder in path.resolve().parents for folder in temporary)
