"""The process that touches recordings: it decodes and computes, and may die or hang without harm.

`python -m jobs.extract.workers.worker FD PHASE_FD PARENT BYTES` works on requests that come through
a connection until that is closed. What takes time to import is imported once the process is sure to
die with its parent.
"""

import contextlib
import ctypes
import os
import resource
import signal
import sys
from multiprocessing.connection import Connection

PR_SET_PDEATHSIG = 1


def serve(connection: Connection, phase_descriptor: int) -> None:
    """Work on batches of requests, in order, until the other side is gone."""
    from jobs.extract.features.blocks.librosa_tables import use
    from jobs.extract.workers.phase import Phase
    from jobs.extract.workers.request import warm_up, work_on

    _silence_standard_error()
    phase = Phase(phase_descriptor)
    with contextlib.suppress(EOFError, ConnectionError):
        configs, tables = connection.recv()
        use(tables)
        warm_up(configs)
        connection.send(None)  # ready: from now on a clip takes no longer than it takes
        while True:
            connection.send([work_on(request, configs, phase) for request in connection.recv()])


def _silence_standard_error() -> None:
    """libmpg123 writes a line about each odd frame, from C, without naming the file."""
    sink = os.open(os.devnull, os.O_WRONLY)
    os.dup2(sink, 2)
    os.close(sink)


def die_with(parent: int) -> None:
    """Have the kernel kill this process when `parent` dies; end at once if it has died."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    # Between our start and the call the parent may have died: then nobody will tell us.
    if os.getppid() != parent:
        sys.exit(1)


def limit_memory(most_bytes: int) -> None:
    """Let a clip that takes too much memory fail here, before the kernel kills the job for it."""
    with contextlib.suppress(OSError, ValueError):  # not Linux, or a lower limit is set already
        resource.setrlimit(resource.RLIMIT_DATA, (most_bytes, most_bytes))


def main() -> None:
    """Serve the process that started this one."""
    # Slurm signals all processes of a job; what to do about it is our parent's business.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, signal.SIG_IGN)
    connection, phase, parent, most_bytes = (int(text) for text in sys.argv[1:])
    die_with(parent)
    limit_memory(most_bytes)
    serve(Connection(connection), phase)


if __name__ == "__main__":
    main()
