"""Workers that decode: replaced when they die or stall, with the clip to blame found out."""

import collections
import logging
import time
from collections.abc import Generator, Iterator, Sequence
from multiprocessing.connection import wait
from pathlib import Path

from jobs.extract.answer import Answer, Order
from jobs.extract.shared_features import BATCHES, CLIPS_AT_ONCE
from jobs.extract.worker_process import COMMAND, Cause, WorkerProcess

log = logging.getLogger(__name__)

# A clip takes milliseconds. Loaded machines are slow, but not ten thousand times.
PATIENCE_S = 60.0


class Workers:
    """Some workers that answer for files in order, whatever the files do to them.

    Args:
        order: what to compute.
        count: how many processes.
        patience_s: a batch without an answer after this time has stalled.
        command: what starts a worker; two file descriptors are added.
    """

    def __init__(
        self,
        order: Order,
        count: int,
        patience_s: float = PATIENCE_S,
        command: Sequence[str] = COMMAND,
    ) -> None:
        self._order = order
        self._new = lambda: WorkerProcess(order, command, patience_s)
        self._workers = [self._new() for _ in range(count)]

    def __enter__(self) -> "Workers":
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers:
            worker.end()

    @property
    def pids(self) -> list[int]:
        """The processes that work now."""
        return [worker.pid for worker in self._workers]

    def answers(self, paths: Sequence[Path]) -> Generator[Answer, None, None]:
        """Yield an answer for each path, in order; few are held in memory at a time.

        When a worker dies or stalls, each clip of its batch is tried once more, alone. A clip that
        then kills or stalls a worker again is to blame.

        Raises:
            OSError: a file cannot be read in time, or workers are killed from outside.
            NotReadyError: workers do not even start.
        """
        starts = range(0, len(paths), CLIPS_AT_ONCE)
        waiting = collections.deque(range(s, min(s + CLIPS_AT_ONCE, len(paths))) for s in starts)
        suspects: set[int] = set()
        answers: dict[int, Answer] = {}
        due = 0
        ahead = 2 * BATCHES * CLIPS_AT_ONCE * len(self._workers)
        try:
            while due < len(paths):
                self._hand_out(waiting, paths, due + ahead)
                for batch, outcome in self._outcomes():
                    if outcome is None:
                        waiting.appendleft(batch)
                    elif not isinstance(outcome, Cause):
                        answers.update(zip(batch, outcome, strict=True))
                    elif len(batch) == 1 and batch[0] in suspects:
                        answers[batch[0]] = self._blamed(paths[batch[0]], outcome)
                    else:
                        log.warning(
                            "%s; its %d clips are tried alone", outcome.sentence, len(batch)
                        )
                        suspects.update(batch)
                        waiting.extendleft(range(n, n + 1) for n in reversed(batch))
                while due in answers:
                    yield answers.pop(due)
                    due += 1
        finally:
            self._drop_unfinished()

    def _drop_unfinished(self) -> None:
        """End workers that still have work: its answers must not be taken for later ones."""
        for worker in self._workers:
            if worker.batches:
                worker.end()
                worker.batches.clear()

    def _hand_out(
        self, waiting: collections.deque[range], paths: Sequence[Path], horizon: int
    ) -> None:
        """Give workers work, but not far ahead of what is due: answers wait in memory."""
        for _ in range(BATCHES):
            for place, worker in enumerate(self._workers):
                if not worker.has_room or not waiting or waiting[0].start >= horizon:
                    continue
                if not worker.batches and not worker.is_alive:
                    # Killed while idle: no clip is to blame for that.
                    worker.end()
                    self._workers[place] = worker = self._new()
                worker.give(waiting.popleft(), paths)

    def _outcomes(self) -> Iterator[tuple[range, list[Answer] | Cause | None]]:
        """Wait for something to happen; yield batches that ended, well or not, or never began."""
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

    def _blamed(self, path: Path, cause: Cause) -> Answer:
        if not cause.is_the_clips:
            raise OSError(f"{path}: {cause.sentence}")
        log.warning("%s: %s", path, cause.sentence)
        return Answer("", (None,) * len(self._order.configs), reason=cause.sentence)
