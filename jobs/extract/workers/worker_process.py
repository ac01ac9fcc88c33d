"""One worker as its task sees it: a process with a connection, a deadline and a cause of death."""

import collections
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Pipe
from pathlib import Path
from typing import Literal

from jobs.errors import NotReadyError
from jobs.extract.clip_features import ClipFeatures
from jobs.extract.config import FeatureConfig
from jobs.extract.features.blocks.librosa_tables import tables_of
from jobs.extract.workers.phase import Phase
from jobs.extract.workers.request import WorkRequest
from jobs.process import python_path

# One batch is begun and one waits, so that no worker idles while its task writes a shard.
BATCHES = 2
START_WITHIN_S = 600.0
DIES_WITHIN_S = 10.0
COMMAND = (sys.executable, "-m", "jobs.extract.workers.worker")
# How a process ends that did something wrong itself; other signals come from outside.
CRASHES = {-number for number in (signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGFPE)}

ENVIRONMENT = {
    # Sums of BLAS depend on the number of threads, and the bytes of a shard must not.
    **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"),
    # Arrays of a few megabytes come and go with each clip: keep their pages.
    **dict.fromkeys(("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_"), str(2**28)),
}


@dataclass(frozen=True)
class Cause:
    """Why a worker gave no records.

    Attributes:
        sentence: in words, for quarantine.csv.
        blames: the clip that was worked on, something else (somebody who stops processes), or one
            of them: memory may be short for any clip, and a file server slow for all.
    """

    sentence: str
    blames: Literal["the clip", "perhaps the clip", "something else"]


class WorkerProcess:
    """A running worker.

    Attributes:
        connection: to the process; `multiprocessing.connection.wait` takes it.
        batches: the clips that it works on, as ranges of numbers; the first is begun.
        deadline: when it counts as stalled, on the monotonic clock.
    """

    def __init__(
        self,
        configs: Sequence[FeatureConfig],
        command: Sequence[str],
        patience_s: float,
        most_bytes: int,
    ) -> None:
        self._patience_s, self._is_ready = patience_s, False
        self.connection, theirs = Pipe()
        phase = Phase.create()
        try:
            self._phase = Phase(phase)
            self._process = subprocess.Popen(
                [*command, *map(str, (theirs.fileno(), phase, os.getpid(), most_bytes))],
                pass_fds=(theirs.fileno(), phase),
                stdin=subprocess.DEVNULL,
                env=os.environ | ENVIRONMENT | python_path(),
            )
        finally:
            theirs.close()
            os.close(phase)
        self.batches: collections.deque[range] = collections.deque()
        self.deadline = time.monotonic() + START_WITHIN_S
        # The process has begun to import what it needs: meanwhile these are built, once.
        self._send((tuple(configs), tables_of(f for c in configs for f in c.mel_filters)))

    @property
    def can_take_a_batch(self) -> bool:
        return len(self.batches) < BATCHES

    def give(self, batch: range, requests: Sequence[WorkRequest]) -> None:
        """Add a batch to its work."""
        if self._is_ready and not self.batches:
            self.deadline = time.monotonic() + self._patience_s
        self.batches.append(batch)
        self._send([requests[number] for number in batch])

    def _send(self, message: object) -> None:
        with contextlib.suppress(ConnectionError):  # it has died: `receive` will notice
            self.connection.send(message)

    def receive(self) -> list[ClipFeatures | OSError] | None:
        """Return the records of the first batch, or None if the process only says that it is ready.

        Records are pickled with their features, 1.6 MB a batch of v2. Memory shared with the worker
        was tried instead: it gained 1 to 2 % (v1, v2), for a hundred lines.

        Raises:
            EOFError, OSError: it has died.
        """
        received: list[ClipFeatures | OSError] | None = self.connection.recv()
        self._is_ready = True
        self.deadline = time.monotonic() + self._patience_s
        if received is not None:
            self.batches.popleft()
        return received

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def cause_of_death(self) -> Cause:
        """Return why the process hung up.

        Raises:
            NotReadyError: it could not even start.
        """
        try:
            status = self._process.wait(timeout=DIES_WITHIN_S)
        except subprocess.TimeoutExpired:
            status = self.end()
        if not self._is_ready and (status > 0 or status in CRASHES):
            raise NotReadyError(
                f"a worker cannot start (exit status {status}); the lines above in the log say why"
            )
        # A signal that a program draws upon itself (SEGV, BUS, ABRT, FPE) is the decoder's; any
        # other one was sent: by the out-of-memory killer, by Slurm, by a person.
        if status < 0:
            known = -status in set(signal.Signals)
            name = signal.Signals(-status).name if known else f"signal {-status}"
            if status in CRASHES:
                return Cause(f"the decoder crashed ({name})", "the clip")
            return Cause(f"a worker was killed ({name}); is memory short?", "perhaps the clip")
        return Cause(f"the decoder ended with exit status {status}", "the clip")

    def cause_of_stalling(self) -> Cause:
        """Return what the process was doing when it lost our patience.

        A clip alone is blamed only if its bytes had been read: whoever waits for a file server
        would otherwise put good clips in quarantine.
        """
        if not self._is_ready:
            return Cause(f"a worker did not start in {START_WITHIN_S:g} s", "something else")
        if self._is_stopped():
            return Cause("a worker was stopped (SIGSTOP)", "something else")
        if self._phase.is_computing:
            return Cause(f"the decoder gave no answer in {self._patience_s:g} s", "the clip")
        return Cause(f"reading took more than {self._patience_s:g} s", "perhaps the clip")

    def end(self) -> int:
        """Kill the process unless it has died already, and return its exit status."""
        self.connection.close()
        self._phase.close()
        self._process.kill()
        try:
            return self._process.wait(timeout=DIES_WITHIN_S)
        except subprocess.TimeoutExpired:  # it waits for a file server: it dies when that answers
            return -signal.SIGKILL

    def _is_stopped(self) -> bool:
        with contextlib.suppress(OSError):
            state = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0]
            return state in "Tt"
        return False
