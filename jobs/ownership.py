"""One owner at a time for a folder that several processes may want to write."""

import contextlib
import errno
import fcntl
import json
import logging
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from jobs.errors import BusyError

log = logging.getLogger(__name__)

POLL_S = 1.0
REPORT_EVERY_S = 60.0
GLANCES, GLANCE_S = 3, 0.1
HEARTBEAT_S = 10.0
STALE_AFTER_S = 90.0
NO_LOCKS_HERE = (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)


@contextlib.contextmanager
def owning(path: Path, wait: bool = True) -> Iterator[None]:
    """Own `path` for the length of the block.

    Where the file system has locks, the kernel frees the lock when the process dies, however it
    dies. Where it has none, a lease file with a heartbeat stands in: it is taken over once its
    owner has been silent for 90 s.

    Args:
        path: the lock file; it names its owner.
        wait: wait for the present owner to end, saying who it is; else give up at once.

    Raises:
        BusyError: somebody else owns it and `wait` is False.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # Opened for appending: whoever waits must not empty the file that names the owner.
    with open(path, "a+", encoding="utf-8", opener=_private) as file:
        try:
            _until_free(path, wait, lambda: _try_lock(file))
        except OSError as error:
            if error.errno not in NO_LOCKS_HERE:
                raise
        else:
            file.truncate(0)
            file.write(_myself())
            file.flush()
            yield
            return
    with _lease(path.with_name(f"{path.name}.lease"), wait):
        yield


def _private(path: str, flags: int) -> int:
    """Open a file that nobody else can read, and so lock, and follow no link planted for it."""
    return os.open(path, flags | os.O_NOFOLLOW, 0o600)


def is_owned(path: Path) -> bool:
    """Return whether some process owns `path` right now."""
    try:
        with path.open("r+", encoding="utf-8") as file:
            return not _try_lock(file)
    except OSError:
        return path.with_name(f"{path.name}.lease").exists()


def _try_lock(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextlib.contextmanager
def _lease(path: Path, wait: bool) -> Iterator[None]:
    token = secrets.token_hex(8)
    _until_free(path, wait, lambda: _try_lease(path, token))
    ended = threading.Event()
    heart = threading.Thread(target=_beat, args=(path, token, ended), daemon=True)
    heart.start()
    try:
        yield
    finally:
        ended.set()
        heart.join()
        if _token_of(path) == token:
            path.unlink(missing_ok=True)


def _try_lease(path: Path, token: str) -> bool:
    """Create the lease, or replace one whose owner has fallen silent."""
    mine = path.with_name(f"{path.name}.{token}")
    mine.write_text(_myself(token), encoding="utf-8")
    try:
        with contextlib.suppress(FileExistsError):
            os.link(mine, path)  # atomic, and fails if the name exists
            return True
        # Both times come from the file server, so clocks of hosts need not agree.
        with contextlib.suppress(FileNotFoundError):
            if mine.stat().st_mtime - path.stat().st_mtime > STALE_AFTER_S:
                mine.replace(path)
                time.sleep(POLL_S)  # if two take over at once, the later one stays
                return _token_of(path) == token
        return False
    finally:
        mine.unlink(missing_ok=True)


def _beat(path: Path, token: str, ended: threading.Event) -> None:
    while not ended.wait(HEARTBEAT_S):
        if _token_of(path) != token:
            log.error("%s was taken over by another process; this one was silent too long", path)
            return
        with contextlib.suppress(OSError):
            os.utime(path)


def _until_free(path: Path, wait: bool, attempt: Callable[[], bool]) -> None:
    reported = -REPORT_EVERY_S
    glances = 0
    while not attempt():
        if not wait:
            # `is_owned` takes the lock for an instant; that is nobody to give way to.
            glances += 1
            if glances < GLANCES:
                time.sleep(GLANCE_S)
                continue
            raise BusyError(f"{path.parent} is in use by {_owner(path)}")
        if time.monotonic() - reported > REPORT_EVERY_S:
            reported = time.monotonic()
            log.info("waiting for %s, which works in %s", _owner(path), path.parent)
        time.sleep(POLL_S)


def _myself(token: str = "") -> str:
    return json.dumps({"host": socket.gethostname(), "pid": os.getpid(), "token": token})


def _token_of(path: Path) -> str | None:
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))["token"])
    except (OSError, ValueError, KeyError):
        return None


def _owner(path: Path) -> str:
    try:
        owner = json.loads(path.read_text(encoding="utf-8"))
        return f"process {owner['pid']} on {owner['host']}"
    except (OSError, ValueError, KeyError):
        return "another process"
