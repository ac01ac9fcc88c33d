"""One owner at a time for a folder that several processes may want to write."""

import contextlib
import fcntl
import json
import logging
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from jobs.errors import BusyError

log = logging.getLogger(__name__)

POLL_S = 1.0
REPORT_EVERY_S = 60.0


@contextlib.contextmanager
def owning(path: Path, wait: bool = True) -> Iterator[None]:
    """Hold an exclusive lock on `path` for the length of the block.

    The kernel frees it when the process dies, however it dies, so nothing stale is left.

    Args:
        path: the lock file; it names its owner and stays behind empty of meaning.
        wait: wait for the present owner to end, saying who it is; else give up at once.

    Raises:
        BusyError: somebody else holds it and `wait` is False.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+", encoding="utf-8") as file:
        _lock(file, path, wait)
        file.truncate(0)
        file.write(json.dumps({"host": socket.gethostname(), "pid": os.getpid()}))
        file.flush()
        yield


def _lock(file: IO[str], path: Path, wait: bool) -> None:
    reported = 0.0
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            owner = _owner(path)
            if not wait:
                raise BusyError(f"{path.parent} is in use by {owner}") from None
        if time.monotonic() - reported > REPORT_EVERY_S:
            reported = time.monotonic()
            log.info("waiting for %s, which works in %s", owner, path.parent)
        time.sleep(POLL_S)


def _owner(path: Path) -> str:
    try:
        owner = json.loads(path.read_text(encoding="utf-8"))
        return f"process {owner['pid']} on {owner['host']}"
    except (OSError, ValueError, KeyError):
        return "another process"
