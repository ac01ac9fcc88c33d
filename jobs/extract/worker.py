"""The process that touches MP3s: it decodes and computes, and may die or hang without harm.

`python -m jobs.extract.worker FD MEMORY_FD` answers requests on a connection until it is closed.
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

from jobs.extract.answer import Order, answer
from jobs.extract.features.kernels import kernels
from jobs.extract.shared_features import CLIPS_AT_ONCE, SharedFeatures

PR_SET_PDEATHSIG = 1


def serve(connection: Connection, memory: int) -> None:
    """Answer batches of paths, in order, until the other side is gone."""
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


def main() -> None:
    """Serve the process that started this one, and die with it."""
    # Slurm signals all processes of a job; what to do about it is our parent's business.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, signal.SIG_IGN)
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    kernels()
    connection = Connection(int(sys.argv[1]))
    # libmpg123 writes a line about each odd frame, from C, without naming the file.
    sink = os.open(os.devnull, os.O_WRONLY)
    os.dup2(sink, 2)
    serve(connection, int(sys.argv[2]))


if __name__ == "__main__":
    main()
