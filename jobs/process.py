"""Which process of which machine wrote a file, whether it still lives, and how ours are started."""

import contextlib
import functools
import hashlib
import os
import socket
from dataclasses import dataclass
from pathlib import Path

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
PROCESSES = Path("/proc/self/ns/pid")
UNKNOWN_START = "0"
SUSPENDED, ENDED = "T", ("Z", "X")
REPOSITORY = Path(__file__).parents[1]


@dataclass(frozen=True)
class Process:
    """A process, told apart from every other that had or will have its number.

    Attributes:
        machine: where a process number means the same: see `this_machine`.
        pid: its number there.
        start: when it started, in clock ticks since boot; "0" where that cannot be seen.
    """

    machine: str
    pid: int
    start: str

    @classmethod
    def this(cls) -> "Process":
        """Return the process that asks."""
        pid = os.getpid()
        return cls(this_machine(), pid, _stat(pid, 19) or UNKNOWN_START)

    def lives(self) -> bool | None:
        """Return whether it lives; None if that cannot be known from here.

        Of another machine's process nothing can be known, and without /proc another process may
        have got its number.
        """
        if self.machine != this_machine():
            return None
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            pass  # another user's: its start tells
        # Where nobody asks how it ended (in a container without an init), it stays as a zombie.
        if _stat(self.pid, 0) in ENDED:
            return False
        start = _stat(self.pid, 19)
        return None if start is None or self.start == UNKNOWN_START else start == self.start

    @property
    def is_suspended(self) -> bool:
        """Whether it was stopped, as with Ctrl-Z, and lives on without working."""
        return self.machine == this_machine() and _stat(self.pid, 0) == SUSPENDED


def python_path() -> dict[str, str]:
    """Return the variables with which a started Python finds this code, and none where it starts.

    That may be a folder of data that somebody downloaded: Python would execute a `numpy.py` there.
    """
    others = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    # An empty entry would mean the current folder.
    path = os.pathsep.join(filter(None, dict.fromkeys((str(REPOSITORY), *others))))
    return {"PYTHONSAFEPATH": "1", "PYTHONPATH": path}


@functools.cache
def this_machine() -> str:
    """Return 12 hex digits that tell this host, its boot and its process namespace apart."""
    seen = [socket.gethostname()]
    for read in (lambda: BOOT_ID.read_text(), lambda: str(PROCESSES.readlink())):
        with contextlib.suppress(OSError):  # not Linux: the host alone
            seen.append(read())
    return hashlib.sha256("\n".join(seen).encode()).hexdigest()[:12]


def _stat(pid: int, field: int) -> str | None:
    """Return a field of /proc/PID/stat, counted from the one after the name; None without it."""
    try:
        # The name stands in brackets and may itself hold spaces and brackets. After it, the state
        # is field 0 and the start is field 19.
        text = (Path("/proc") / str(pid) / "stat").read_text()
    except OSError:
        return None
    return text.rpartition(")")[2].split()[field]
