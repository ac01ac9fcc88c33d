"""Whom a file can come from: what this project trusts, only its user can have written.

On a cluster folders are shared: with umask 002, or in a project's folder whose group may write,
a colleague can rename a folder of ours and put their own in its place.
"""

import os
import pwd
import stat
from pathlib import Path

from jobs.errors import InputError

WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH
OPEN_TO_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def keep_others_from_writing() -> None:
    """Let nobody else write what this process creates, whatever the user's umask says."""
    os.umask(os.umask(OPEN_TO_OTHERS) | WRITABLE_BY_OTHERS)


def make_private(folder: Path) -> None:
    """Create a folder that only its owner can enter, or close it to others.

    Opened to readers later on, it is still trusted: they can change nothing.

    Raises:
        InputError: it is a link, or somebody else's.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _require_folder_of_ours(folder)
    folder.chmod(0o700)
    require_ours(folder)


def close_to_writers(folder: Path) -> None:
    """Take the right to write from others, in a folder of ours and all below, if they have it.

    Raises:
        InputError: it is a link, or somebody else's.
    """
    _require_folder_of_ours(folder)
    if folder.stat().st_mode & WRITABLE_BY_OTHERS:
        for path in (folder, *(path for path in folder.rglob("*") if path.is_dir())):
            if not path.is_symlink():
                path.chmod(path.stat().st_mode & ~WRITABLE_BY_OTHERS)


def require_ours(folder: Path) -> None:
    """Refuse a folder in which anybody but this user can write.

    Raises:
        InputError: says whose it is and what to do.
    """
    mode = _require_folder_of_ours(folder)
    if mode & WRITABLE_BY_OTHERS:
        raise InputError(
            f"others can write in {folder} (mode {_octal(mode)}), so what lies there may not be "
            "yours. Say `chmod go-w` on it if nobody has changed it. If the mode stays, this file "
            "system keeps no permissions: use another --out"
        )


def require_no_links_of_others(path: Path) -> None:
    """Refuse a path on which a link lies that another user could point elsewhere.

    Raises:
        InputError: names the link and its owner.
    """
    for step in (path, *path.parents):
        if step.is_symlink() and (owner := step.lstat().st_uid) not in (0, os.geteuid()):
            raise InputError(f"{step} on the way to {path} is a link of {_name(owner)}, not yours")


def read_ours(path: Path) -> bytes:
    """Read a file that nobody but this user can have written.

    What is checked is the open file, so nobody can exchange it in between.

    Raises:
        InputError: it is a link, has another name elsewhere, or others own it or can write it.
        FileNotFoundError: there is none.
    """
    if path.is_symlink():
        raise InputError(f"{path} is a link; such a file is only read where it was written")
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    with os.fdopen(descriptor, "rb") as file:
        found = os.fstat(descriptor)
        if found.st_uid != os.geteuid():
            raise InputError(f"{path} was written by {_name(found.st_uid)}; only yours is trusted")
        if found.st_mode & WRITABLE_BY_OTHERS or found.st_nlink != 1:
            raise InputError(
                f"{path} can be written by others (mode {_octal(found.st_mode)}, "
                f"{found.st_nlink} names); it is not trusted"
            )
        return file.read()


def _require_folder_of_ours(folder: Path) -> int:
    """Return the mode of a folder that is this user's."""
    found = folder.lstat()
    if stat.S_ISLNK(found.st_mode) or not stat.S_ISDIR(found.st_mode):
        kind = "a link" if stat.S_ISLNK(found.st_mode) else "a file"
        raise InputError(
            f"{folder} must be a folder and not {kind}: what lies there is trusted. Remove it, or "
            "use another --out"
        )
    if found.st_uid != os.geteuid():
        raise InputError(
            f"{folder} belongs to {_name(found.st_uid)}: what lies there is not yours and not "
            "trusted. Each user needs an --out of their own"
        )
    return found.st_mode


def _octal(mode: int) -> str:
    return f"{stat.S_IMODE(mode):o}"


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"
