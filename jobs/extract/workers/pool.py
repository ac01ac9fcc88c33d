"""A pool of workers: replaced when they die or stall, with the clip to blame found out."""

import collections
import time
from collections.abc import Generator, Iterator, Sequence
from multiprocessing.connection import wait

from jobs.extract.clip_features import ClipFeatures
from jobs.extract.config import FeatureConfig
from jobs.extract.workers import worker_process
from jobs.extract.workers.request import WorkRequest
from jobs.extract.workers.suspects import Suspects
from jobs.extract.workers.worker_process import BATCHES, Cause, WorkerProcess
from jobs.memory import memory_limit

# A clip takes milliseconds. Loaded machines are slow, but not ten thousand times.
PATIENCE_S = 60.0
CLIPS_AT_ONCE = 8
# Libraries and their caches take half of it, whatever the clip.
LEAST_MEMORY = 10**9


class WorkerPool:
    """Some workers that make a record of each file, in order, whatever the files do to them.

    Args:
        configs: what to compute; they agree in sample rate and seconds.
        count: how many processes.
        patience_s: a batch without records after this time has stalled.
        command: what starts a worker; two file descriptors, our process id and how many bytes of
            memory it may take are added.
    """

    def __init__(
        self,
        configs: Sequence[FeatureConfig],
        count: int,
        patience_s: float = PATIENCE_S,
        command: Sequence[str] | None = None,
    ) -> None:
        command = command or worker_process.COMMAND
        most_bytes = max(LEAST_MEMORY, memory_limit() // max(1, count))
        self._new = lambda: WorkerProcess(configs, command, patience_s, most_bytes)
        self._workers = [self._new() for _ in range(count)]

    def __enter__(self) -> "WorkerPool":
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers:
            worker.end()

    @property
    def pids(self) -> list[int]:
        """The processes that work now."""
        return [worker.pid for worker in self._workers]

    def records(self, requests: Sequence[WorkRequest]) -> Generator[ClipFeatures, None, None]:
        """Yield a record for each request, in order; few are held in memory at a time.

        When a worker dies or stalls, each clip of its batch is tried once more, alone. A clip that
        then kills or stalls workers again is to blame: see `Suspects`.

        Raises:
            OSError: files cannot be read (in time), or workers are killed, whatever the clip.
            NotReadyError: workers do not even start.
        """
        starts = range(0, len(requests), CLIPS_AT_ONCE)
        waiting = collections.deque(range(s, min(s + CLIPS_AT_ONCE, len(requests))) for s in starts)
        suspects = Suspects()
        records: dict[int, ClipFeatures | OSError] = {}
        due = 0
        ahead = 2 * BATCHES * CLIPS_AT_ONCE * len(self._workers)
        try:
            while due < len(requests):
                self._hand_out(waiting, requests, due + ahead)
                for batch, outcome in self._outcomes():
                    if outcome is None:
                        waiting.appendleft(batch)
                    elif isinstance(outcome, Cause):
                        number, again = batch[0], suspects.tried_again_after(batch, outcome)
                        waiting.extendleft(range(n, n + 1) for n in reversed(again))
                        if not again:
                            records[number] = suspects.verdict(number, requests[number], outcome)
                    else:
                        suspects.done(batch)
                        found = zip(batch, outcome, strict=True)
                        records.update((n, record) for n, record in found if n >= due)
                while due in records:
                    record = records.pop(due)
                    if isinstance(record, OSError):
                        raise record
                    yield record
                    due += 1
        finally:
            self._drop_unfinished()

    def _drop_unfinished(self) -> None:
        """End workers that still have work: its records must not be taken for later ones."""
        for worker in self._workers:
            if worker.batches:
                worker.end()
                worker.batches.clear()

    def _hand_out(
        self, waiting: collections.deque[range], requests: Sequence[WorkRequest], horizon: int
    ) -> None:
        """Give workers work, but not far ahead of what is due: records wait in memory."""
        for _ in range(BATCHES):
            for number, worker in enumerate(self._workers):
                if not worker.can_take_a_batch or not waiting or waiting[0].start >= horizon:
                    continue
                if not worker.batches and not worker.is_alive:
                    # Killed while idle: no clip is to blame for that.
                    worker.end()
                    self._workers[number] = worker = self._new()
                worker.give(waiting.popleft(), requests)

    def _outcomes(
        self,
    ) -> Iterator[tuple[range, list[ClipFeatures | OSError] | Cause | None]]:
        """Wait for something to happen; yield batches that ended, well or not, or never began.

        Only the first batch of a worker is begun. The one behind it never was, so that its clips
        are no suspects: it goes back to the others as it is.
        """
        busy = [worker for worker in self._workers if worker.batches]
        first = min(worker.deadline for worker in busy)
        heard = wait([worker.connection for worker in busy], max(0, first - time.monotonic()))
        for worker in busy:
            batch, cause = worker.batches[0], None
            if worker.connection in heard:
                try:
                    found = worker.receive()
                except (EOFError, OSError):
                    cause = worker.cause_of_death()
                else:
                    if found is not None:
                        yield batch, found
            elif time.monotonic() >= worker.deadline:
                cause = worker.cause_of_stalling()
            if cause is not None:
                worker.end()
                self._workers[self._workers.index(worker)] = self._new()
                for not_begun in list(worker.batches)[1:]:
                    yield not_begun, None
                yield batch, cause
