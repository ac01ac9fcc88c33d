"""The process that touches MP3s: it decodes and computes, and may die or hang without harm.

`python -m jobs.extract.worker FD MEMORY_FD PARENT` answers requests on a connection until that is
closed. What takes time to import is imported once the process is sure to die with its parent.
"""

import contextlib
import ctypes
import itertools
import os
import signal
import sys
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path

PR_SET_PDEATHSIG = 1


def serve(connection: Connection, memory: int) -> None:
    """Answer batches of paths, in order, until the other side is gone."""
    from jobs.extract.answer import Order, answer
    from jobs.extract.features.kernels import kernels
    from jobs.extract.shared_features import CLIPS_AT_ONCE, SharedFeatures

    kernels()
    _silence_standard_error()
    with contextlib.suppress(EOFError, ConnectionError):
        order: Order = connection.recv()
        shared = SharedFeatures(memory, order.configs)
        connection.send(None)  # ready: from now on a clip takes no longer than it takes
        for batch in itertools.count():
            paths: Sequence[str] = connection.recv()
            first = batch * CLIPS_AT_ONCE
            answers = [
                shared.put(number, answer(Path(path), order, shared.phase))
                for number, path in enumerate(paths, start=first)
            ]
            connection.send(answers)


def _silence_standard_error() -> None:
    """libmpg123 writes a line about each odd frame, from C, without naming the file."""
    sink = os.open(os.devnull, os.O_WRONLY)
    os.dup2(sink, 2)
    os.close(sink)


def die_with(parent: int) -> None:
    """Have the kernel kill this process when `parent` dies; end at once if it has died."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit(1)


def main() -> None:
    """Serve the process that started this one."""
    # Slurm signals all processes of a job; what to do about it is our parent's business.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, signal.SIG_IGN)
    connection, memory, parent = (int(text) for text in sys.argv[1:])
    die_with(parent)
    serve(Connection(connection), memory)


if __name__ == "__main__":
    main()
