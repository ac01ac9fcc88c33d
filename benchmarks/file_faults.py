"""One file operation of this process fails once: the k-th below a folder, as a cluster's disk does.

What is hooked: opening, reading, writing, fsync, rename, unlink, link, mkdir, listing, stat, utime,
and HDF5's opening. Of what C code does inside (HDF5 reading a chunk), nothing is.
"""

import builtins
import contextlib
import errno
import io
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py

# What passes on a cluster: a server that restarts, too many open files, a full disk or quota, too
# little memory, a directory whose rights change for a moment.
PASSING = {
    "open": (errno.EIO, errno.ESTALE, errno.EMFILE, errno.EACCES, errno.ENOMEM),
    "read": (errno.EIO,),
    "write": (errno.ENOSPC,),
    "fsync": (errno.EIO, errno.ENOSPC, errno.EDQUOT),
    "replace": (errno.EIO, errno.ESTALE, errno.ENOSPC, errno.EDQUOT),
    "rename": (errno.EIO, errno.ESTALE, errno.ENOSPC),
    "unlink": (errno.EIO, errno.ESTALE, errno.EACCES),
    "mkdir": (errno.EIO, errno.ENOSPC, errno.EACCES),
    "listdir": (errno.EIO, errno.ESTALE, errno.EMFILE),
    "scandir": (errno.EIO, errno.ESTALE, errno.EMFILE),
    "stat": (errno.EIO, errno.ESTALE, errno.EACCES),
    "lstat": (errno.EIO, errno.ESTALE),
    "utime": (errno.EIO, errno.ESTALE),
    "hdf5": (errno.EIO, errno.ESTALE, errno.EMFILE),
}
# These fail at each read and at each write, as open files do not by themselves.
UNREADABLE, FULL = "/proc/self/mem", "/dev/full"
OF_THE_SYSTEM = (
    "replace", "rename", "unlink", "mkdir", "listdir", "scandir", "stat", "lstat", "utime",
)  # fmt: skip


@dataclass
class Fault:
    """The operation that fails, and what failed.

    Attributes:
        folder: where operations count.
        at: which of them fails, from 0; None for none.
        choose: one of several error numbers.
        seen: the kind of each that there was.
        given: what failed, in words; "" while nothing has.
    """

    folder: Path
    at: int | None
    choose: Callable[[tuple[int, ...]], int]
    seen: list[str] = field(default_factory=list)
    given: str = ""

    def now(self, kind: str, path: object) -> int | None:
        """Count an operation; return the error with which it shall fail, or None."""
        if not isinstance(path, str | os.PathLike):
            return None
        name = os.fspath(path)
        if not isinstance(name, str) or not name.startswith(f"{self.folder}/"):
            return None
        self.seen.append(kind)
        if len(self.seen) - 1 != self.at:
            return None
        chosen = self.choose(PASSING[kind])
        self.given = f"{kind} of {name.removeprefix(f'{self.folder}/')}: {os.strerror(chosen)}"
        return chosen

    def raise_now(self, kind: str, path: object) -> None:
        if number := self.now(kind, path):
            raise OSError(number, os.strerror(number), str(path))


@contextlib.contextmanager
def failing(fault: Fault) -> Iterator[None]:
    """Let the fault happen in the block."""
    with contextlib.ExitStack() as stack:

        def patch(owner: Any, name: str, new: Callable[..., Any]) -> None:
            stack.callback(setattr, owner, name, getattr(owner, name))
            setattr(owner, name, new)

        for name in OF_THE_SYSTEM:
            patch(os, name, _failing_call(fault, name, getattr(os, name)))
        opened = _failing_open(fault, io.open)
        patch(io, "open", opened)
        patch(builtins, "open", opened)
        patch(os, "open", _failing_call(fault, "open", os.open))
        patch(os, "fsync", _failing_fsync(fault, os.fsync))
        patch(h5py, "File", _failing_hdf5(fault, h5py.File))
        yield


def _failing_call(fault: Fault, kind: str, call: Callable[..., Any]) -> Callable[..., Any]:
    def failing_call(path: object = ".", *arguments: Any, **options: Any) -> Any:
        # A rename counts by where it leads: what is renamed may lie elsewhere.
        fault.raise_now(kind, arguments[0] if kind in ("replace", "rename") else path)
        return call(path, *arguments, **options)

    return failing_call


def _failing_open(fault: Fault, call: Callable[..., Any]) -> Callable[..., Any]:
    def failing_open(path: Any, mode: str = "r", *arguments: Any, **options: Any) -> Any:
        fault.raise_now("open", path)
        writes = any(sign in mode for sign in "wax+")
        if fault.now("write" if writes else "read", path):
            # What is opened stays what it is; the file that is given in its place fails.
            if writes:
                call(path, mode, *arguments, **options).close()
                return call(FULL, mode.replace("x", "w").replace("a", "w"), *arguments, **options)
            return call(UNREADABLE, mode, *arguments, **options)
        return call(path, mode, *arguments, **options)

    return failing_open


def _failing_fsync(fault: Fault, call: Callable[[int], None]) -> Callable[[int], None]:
    def failing_fsync(descriptor: int) -> None:
        fault.raise_now("fsync", Path(f"/proc/self/fd/{descriptor}").readlink())
        call(descriptor)

    return failing_fsync


def _failing_hdf5(fault: Fault, kind: Any) -> Any:
    class FailingFile(kind):
        def __init__(self, name: Any, *arguments: Any, **options: Any) -> None:
            if number := fault.now("hdf5", name):
                # In the words of HDF5, which hides the number from Python.
                raise OSError(
                    f"Unable to synchronously open file (file read failed: errno = {number}, "
                    f"error message = '{os.strerror(number)}')"
                )
            super().__init__(name, *arguments, **options)

    return FailingFile
