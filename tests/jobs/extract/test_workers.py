"""Whatever a file does to a decoder: it is named, the others are done, in order."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from jobs.errors import NotReadyError
from jobs.extract.audio.decode import decode
from jobs.extract.clip_features import ClipFeatures
from jobs.extract.config import FeatureConfig
from jobs.extract.features.analysis import compute
from jobs.extract.workers.pool import WorkerPool
from jobs.extract.workers.request import WorkRequest
from jobs.process import REPOSITORY

CONFIG = FeatureConfig(seconds=0.5, n_fft=512, n_mels=16)

# A decoder with the faults that a real one might have, each for files of one name.
FAULTY = """
import os, signal, sys, time
import soundfile
whole = soundfile.SoundFile
def opened(path, *arguments):
    name = os.path.basename(path)
    if "segfault" in name:
        os.kill(os.getpid(), signal.SIGSEGV)
    if "abort" in name:
        os.abort()
    if "exit" in name:
        os._exit(3)
    if "hang" in name:
        time.sleep(1000)
    if "spin" in name:
        while True: pass
    if "killed" in name:
        os.kill(os.getpid(), signal.SIGKILL)
    if "stopped" in name:
        os.kill(os.getpid(), signal.SIGSTOP)
    if "realtime" in name:
        os.kill(os.getpid(), 35)
    if "once" in name and not os.path.exists(f"{path}.seen"):
        open(f"{path}.seen", "w").close()
        os.abort()
    if "memory" in name:
        bytearray(2**44)
    return whole(path, *arguments)
soundfile.SoundFile = opened
from jobs.extract.workers import request
whole_file = request._sha256
def read(path):
    if "unread" in path.name or path.with_name("silent").exists():
        time.sleep(1000)
    return whole_file(path)
request._sha256 = read
from jobs.extract.workers import worker
worker.main()
"""


@pytest.fixture
def faulty(tmp_path: Path) -> list[str]:
    script = tmp_path / "faulty.py"
    script.write_text(FAULTY)
    return [sys.executable, str(script)]


@pytest.fixture
def clips(tmp_path: Path, write_mp3: Callable[..., Path]) -> Callable[..., list[Path]]:
    def write(*names: str) -> list[Path]:
        return [
            write_mp3(tmp_path / "clips" / f"{number:02}{name}.mp3", frequency=300 + 10 * number)
            for number, name in enumerate(names)
        ]

    return write


def requests(paths: Sequence[Path]) -> list[WorkRequest]:
    return [WorkRequest(path, (0,)) for path in paths]


def require_right(paths: Sequence[Path], records: Sequence[ClipFeatures], bad: set[int]) -> None:
    """Each good clip has its very own features, each bad one none and a reason."""
    assert len(records) == len(paths)
    for number, (path, record) in enumerate(zip(paths, records, strict=True)):
        if number in bad:
            assert record.features == (None,)
            assert record.reason
        else:
            expected = compute(decode(path, CONFIG)[0], CONFIG)
            np.testing.assert_array_equal(record.features[0], expected)


@pytest.mark.parametrize("count", [1, 3])
def test_records_come_in_order(clips: Callable[..., list[Path]], count: int) -> None:
    paths = clips(*[""] * 21)
    with WorkerPool([CONFIG], count) as workers:
        records = list(workers.records(requests(paths)))
    require_right(paths, records, set())


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("segfault", "the decoder crashed (SIGSEGV)"),
        ("abort", "the decoder crashed (SIGABRT)"),
        ("exit", "the decoder ended with exit status 3"),
        ("hang", "the decoder gave no answer in 2 s"),
        ("spin", "the decoder gave no answer in 2 s"),
        ("memory", "it takes more memory than there is"),
    ],
)
def test_a_clip_that_ruins_the_decoder_is_named_and_the_others_are_done(
    clips: Callable[..., list[Path]], faulty: list[str], fault: str, reason: str
) -> None:
    paths = clips(*[""] * 5, fault, *[""] * 12, fault, "")
    with WorkerPool([CONFIG], 2, patience_s=2, command=faulty) as workers:
        records = list(workers.records(requests(paths)))
    require_right(paths, records, {5, 18})
    assert {records[5].reason, records[18].reason} == {reason}


def test_a_clip_that_fails_once_is_not_blamed(
    clips: Callable[..., list[Path]], faulty: list[str]
) -> None:
    paths = clips("", "once", "")
    with WorkerPool([CONFIG], 1, command=faulty) as workers:
        require_right(paths, list(workers.records(requests(paths))), set())


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("killed", "a worker was killed (SIGKILL); is memory short?"),
        ("unread", "reading took more than 1 s"),
    ],
)
@pytest.mark.parametrize("names", [["", "{}", ""], [*[""] * 8, "{}"], ["{}", *[""] * 30]])
@pytest.mark.parametrize("count", [1, 2])
def test_a_clip_that_fails_twice_alone_while_others_are_done_is_blamed(
    clips: Callable[..., list[Path]],
    faulty: list[str],
    fault: str,
    reason: str,
    names: list[str],
    count: int,
) -> None:
    paths = clips(*(name.format(fault) for name in names))
    with WorkerPool([CONFIG], count, patience_s=1, command=faulty) as workers:
        records = list(workers.records(requests(paths)))
    bad = names.index("{}")
    require_right(paths, records, {bad})
    assert (records[bad].reason, records[bad].sha256) == (reason, "")


@pytest.mark.parametrize("fault", ["killed", "unread"])
def test_where_every_clip_fails_no_clip_is_blamed(
    clips: Callable[..., list[Path]], faulty: list[str], fault: str
) -> None:
    paths = clips(*[fault] * 6)
    with (
        WorkerPool([CONFIG], 2, patience_s=1, command=faulty) as workers,
        pytest.raises(OSError, match=rf"\d\d{fault}\.mp3: "),
    ):
        list(workers.records(requests(paths)))


def test_a_file_server_that_falls_silent_in_between_puts_no_clip_in_quarantine(
    clips: Callable[..., list[Path]], faulty: list[str], tmp_path: Path
) -> None:
    paths = clips(*[""] * 16)
    with WorkerPool([CONFIG], 1, patience_s=1, command=faulty) as workers:
        records = workers.records(requests(paths))
        next(records)
        (tmp_path / "clips" / "silent").touch()  # from now on nothing is read
        with pytest.raises(OSError, match="reading took more than 1 s"):
            list(records)


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


def children(pid: int) -> list[int]:
    return [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


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


def test_workers_die_with_the_task(clips: Callable[..., list[Path]], faulty: list[str]) -> None:
    program = (
        "import sys; from pathlib import Path\n"
        "from jobs.extract.workers.pool import WorkerPool\n"
        "from jobs.extract.workers.request import WorkRequest\n"
        "from jobs.extract.config import FeatureConfig\n"
        "workers = WorkerPool([FeatureConfig()], 1, command=sys.argv[2:])\n"
        "list(workers.records([WorkRequest(Path(sys.argv[1]), (0,))]))\n"
    )
    (path,) = clips("spin")
    task = subprocess.Popen([sys.executable, "-c", program, str(path), *faulty], cwd=REPOSITORY)
    while not (started := children(task.pid)):
        time.sleep(0.05)
    time.sleep(1)
    task.kill()
    task.wait()
    for _ in range(100):
        if not Path(f"/proc/{started[0]}").exists():
            return
        time.sleep(0.1)
    os.kill(started[0], signal.SIGKILL)
    pytest.fail("the worker outlived its task")


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


def test_a_worker_that_is_stopped_twice_is_nobodys_fault(
    clips: Callable[..., list[Path]], faulty: list[str]
) -> None:
    paths = clips("", "stopped", "")
    with (
        WorkerPool([CONFIG], 1, patience_s=1, command=faulty) as workers,
        pytest.raises(OSError, match=r"01stopped\.mp3: a worker was stopped"),
    ):
        list(workers.records(requests(paths)))


def test_an_unknown_signal_is_named_by_its_number(
    clips: Callable[..., list[Path]], faulty: list[str]
) -> None:
    with (
        WorkerPool([CONFIG], 1, command=faulty) as workers,
        pytest.raises(OSError, match=r"a worker was killed \(signal 35\)"),
    ):
        list(workers.records(requests(clips("realtime"))))


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
