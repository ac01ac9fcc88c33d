"""Workers answer in order, outlive signals and each other, and leave nothing behind."""

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from jobs.errors import NotReadyError
from jobs.extract.workers.pool import WorkerPool
from jobs.extract.workers.request import WorkRequest
from tests.jobs.extract.working import CONFIG, children, requests, require_right


@pytest.mark.parametrize("count", [1, 3])
def test_records_come_in_order(clips: Callable[..., list[Path]], count: int) -> None:
    paths = clips(*[""] * 21)
    with WorkerPool([CONFIG], count) as workers:
        records = list(workers.records(requests(paths)))
    require_right(paths, records, set())


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "a.mp3"
    with path.open("wb") as file:
        file.truncate(100 * 10**9)  # sparse: it takes no space
    with WorkerPool([CONFIG], 1, patience_s=5) as workers:
        (record,) = workers.records(requests([path]))
    assert (record.sha256, record.features) == ("", (None,))
    assert "larger than 4 GB" in record.reason


def test_a_worker_that_cannot_start_is_said(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "raise SystemExit(7)"]
    with (
        WorkerPool([CONFIG], 1, command=command) as workers,
        pytest.raises(NotReadyError, match="cannot start \\(exit status 7\\)"),
    ):
        list(workers.records(requests([tmp_path / "a.mp3"])))


def test_stopped_and_killed_workers_are_replaced(clips: Callable[..., list[Path]]) -> None:
    paths = clips(*[""] * 40)
    with WorkerPool([CONFIG], 2, patience_s=3) as workers:
        records = workers.records(requests(paths))
        found = [next(records)]
        first, second = children(os.getpid())[-2:]
        os.kill(first, signal.SIGSTOP)
        os.kill(second, signal.SIGKILL)
        require_right(paths, found + list(records), set())


def test_workers_ignore_the_signals_that_slurm_sends_to_all_processes_of_a_job(
    clips: Callable[..., list[Path]],
) -> None:
    paths = clips(*[""] * 40)
    with WorkerPool([CONFIG], 1) as workers:
        records = workers.records(requests(paths))
        found = [next(records)]
        worker = children(os.getpid())[-1]
        for number in (signal.SIGUSR2, signal.SIGTERM, signal.SIGINT):
            os.kill(worker, number)
        require_right(paths, found + list(records), set())
        assert children(os.getpid())[-1] == worker


def test_a_record_has_the_wanted_sets_alone(clips: Callable[..., list[Path]]) -> None:
    (path,) = clips("")
    other = CONFIG.model_copy(update={"n_mels": 8})
    with WorkerPool([CONFIG, other], 1) as workers:
        both, one = workers.records([WorkRequest(path, (0, 1)), WorkRequest(path, (1,))])
    assert [each is not None and each.shape[0] for each in both.features] == [16, 8]
    np.testing.assert_array_equal(one.features, both.features[1:])


def test_records_wait_in_memory_only_for_a_few_clips(clips: Callable[..., list[Path]]) -> None:
    paths = clips(*[""] * 64)
    with WorkerPool([CONFIG], 1) as workers:
        records = workers.records(requests(paths))
        next(records)
        time.sleep(1)
        assert sum(len(batch) for w in workers._workers for batch in w.batches) <= 16
        assert sum(1 for _ in records) == 63


def test_records_that_nobody_waited_for_are_not_taken_for_later_ones(
    clips: Callable[..., list[Path]],
) -> None:
    paths = clips(*[""] * 30)
    with WorkerPool([CONFIG], 1) as workers:
        first = workers.records(requests(paths))
        next(first)
        first.close()
        require_right(paths[20:], list(workers.records(requests(paths[20:]))), set())


def test_a_worker_leaves_no_descriptor_behind(clips: Callable[..., list[Path]]) -> None:
    def descriptors() -> int:
        return sum(1 for _ in Path("/proc/self/fd").iterdir())

    before = descriptors()
    for _ in range(2):
        with WorkerPool([CONFIG], 2) as workers:
            list(workers.records(requests(clips(""))))
    assert descriptors() <= before
