"""Whatever a file does to a decoder: it is named, the others are done, in order."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from jobs.extract.workers.pool import WorkerPool
from jobs.process import REPOSITORY
from tests.jobs.extract.working import CONFIG, children, requests, require_right

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
