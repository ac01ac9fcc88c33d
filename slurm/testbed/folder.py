"""The testbed's folder: root makes it and removes it, so it must be certain that it is ours."""

import shutil
import stat
from pathlib import Path

from slurm.testbed.machine import TestbedError

# Lies in every testbed's folder. Only a folder with it is ever removed.
MARKER = "this-is-a-clip-testbed"


def make(root: Path) -> None:
    """Make the folder anew: what another user prepared could hold links to anywhere.

    Raises:
        FileExistsError: something is there already.
    """
    root.mkdir(parents=True, mode=0o755)
    (root / MARKER).touch()


def require_own(root: Path) -> None:
    """Refuse a path where something lies that `make` did not make.

    Raises:
        TestbedError: says which folder, and why it is not taken.
    """
    try:
        folder = root.lstat()
    except FileNotFoundError:
        return
    marker = root / MARKER
    if not (
        stat.S_ISDIR(folder.st_mode)
        and folder.st_uid == 0
        and marker.is_file()
        and not marker.is_symlink()
        and marker.lstat().st_uid == 0
    ):
        raise TestbedError(
            f"{root} was not made by the testbed and is left as it is; let CLIP_TESTBED name a "
            "path where nothing is"
        )


def remove(root: Path) -> None:
    """Remove the folder; the marker goes last, so that an interrupted removal can be done again.

    Raises:
        TestbedError: `make` did not make it.
    """
    require_own(root)
    if not root.exists():
        return
    for path in root.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        elif path.name != MARKER:
            path.unlink()
    (root / MARKER).unlink()
    root.rmdir()
