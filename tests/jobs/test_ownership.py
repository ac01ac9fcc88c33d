"""One owner at a time: killed, suspended, on another machine, or with clocks that jump."""

import contextlib
import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jobs import lock_file, ownership
from jobs.errors import BusyError, LostOwnershipError
from jobs.files import remove, set_aside, write_json
from jobs.ownership import is_owned, owning
from jobs.process import Process, this_machine

# Owns a lock and writes a file each time that a line arrives.
HOLD = """\
import sys
from pathlib import Path
from jobs import ownership, process
ownership.HEARTBEAT_S = 0.1
lock, machine = Path(sys.argv[1]), sys.argv[2]
process.this_machine = lambda: machine
with ownership.owning(lock, wait_s=0):
    print("held", flush=True)
    for line in sys.stdin:
        from jobs.files import write_text
        try:
            write_text(lock.with_name("result.txt"), line)
            print("written", flush=True)
        except Exception as error:
            print(type(error).__name__, flush=True)
            raise
"""
ELSEWHERE = "ffffffffffff"

Hold = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def hold(tmp_path: Path) -> Iterator[Hold]:
    """Start a process that owns the lock, on this machine or what seems another."""
    started = []

    def start(machine: str = this_machine()) -> "subprocess.Popen[str]":
        holder = subprocess.Popen(
            [sys.executable, "-c", HOLD, str(tmp_path / ".lock"), machine],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        started.append(holder)
        assert said(holder) == "held"
        return holder

    yield start
    for holder in started:
        holder.kill()
        holder.communicate()


def said(holder: "subprocess.Popen[str]") -> str:
    assert holder.stdout is not None
    return holder.stdout.readline().strip()


def tell(holder: "subprocess.Popen[str]", line: str) -> str:
    assert holder.stdin is not None
    holder.stdin.write(f"{line}\n")
    holder.stdin.flush()
    return said(holder)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let silence last a second and not one and a half minutes."""
    monkeypatch.setattr(ownership, "HEARTBEAT_S", 0.1)
    monkeypatch.setattr(ownership, "POLL_S", 0.1)
    monkeypatch.setattr(ownership, "WATCHED_FOR_S", 0.5)
    monkeypatch.setattr(ownership, "STALE_AFTER_S", 1.5)


def test_an_owner_is_named_and_what_it_owned_is_free_once_it_is_killed(
    tmp_path: Path, hold: Hold
) -> None:
    lock, holder = tmp_path / ".lock", hold()
    assert is_owned(lock)
    with pytest.raises(BusyError, match=f"process {holder.pid} on "), owning(lock, wait_s=0):
        pass
    holder.kill()
    holder.wait()
    assert not is_owned(lock)
    with owning(lock, wait_s=0):
        assert is_owned(lock)
    assert not list(tmp_path.iterdir())


def test_a_suspended_owner_on_this_machine_stays_the_owner(
    tmp_path: Path, hold: Hold, quick: None
) -> None:
    holder = hold()
    holder.send_signal(signal.SIGSTOP)
    time.sleep(3)  # twice the silence after which one elsewhere would be given up
    assert is_owned(tmp_path / ".lock")
    with pytest.raises(BusyError, match="suspended"), owning(tmp_path / ".lock", wait_s=0):
        pass
    holder.send_signal(signal.SIGCONT)
    assert tell(holder, "mine") == "written"


def test_an_owner_elsewhere_that_was_suspended_is_replaced_and_then_writes_nothing(
    tmp_path: Path, hold: Hold, quick: None
) -> None:
    holder = hold(ELSEWHERE)
    assert tell(holder, "old") == "written"
    holder.send_signal(signal.SIGSTOP)
    with owning(tmp_path / ".lock", wait_s=30):
        holder.send_signal(signal.SIGCONT)
        assert tell(holder, "too late") == "LostOwnershipError"
        assert holder.wait(10)
        assert is_owned(tmp_path / ".lock")  # its end has not released what is ours now
        assert (tmp_path / "result.txt").read_text() == "old\n"


def test_an_owner_elsewhere_that_gives_signs_of_life_is_waited_for(
    tmp_path: Path, hold: Hold, quick: None, caplog: pytest.LogCaptureFixture
) -> None:
    holder = hold(ELSEWHERE)
    with pytest.raises(BusyError, match=r"Waited for [45] s"), owning(tmp_path / ".lock", wait_s=4):
        pass
    (told,) = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert f"waiting for process {holder.pid}" in told.getMessage()
    assert tell(holder, "still mine") == "written"


def leave(lock: Path, age_s: float = 0, **changed: object) -> None:
    """Leave a lock of an owner that was killed on another machine."""
    owner = {"host": "lost-node", "machine": ELSEWHERE, "pid": 1, "start": "1", "token": "x"}
    lock.write_text(json.dumps(owner | {"job": None, "restarts": 0} | changed))
    os.utime(lock, (0, time.time() - age_s))


def test_what_an_owner_elsewhere_left_when_it_was_killed_is_free_after_a_silence(
    tmp_path: Path, quick: None
) -> None:
    lock = tmp_path / ".lock"
    leave(lock)
    assert is_owned(lock)
    with pytest.raises(BusyError, match="process 1 on lost-node"), owning(lock, wait_s=0):
        pass
    time.sleep(ownership.STALE_AFTER_S + 0.2)
    assert not is_owned(lock)  # a status that watches does not wait for ever
    with owning(lock, wait_s=0):
        pass


@pytest.mark.parametrize("hours", [-24, 24])
def test_a_clock_that_jumps_makes_no_second_owner(
    tmp_path: Path, hold: Hold, quick: None, monkeypatch: pytest.MonkeyPatch, hours: int
) -> None:
    holder = hold(ELSEWHERE)
    now = time.time() + hours * 3600
    monkeypatch.setattr(lock_file, "time_of_the_file_server", lambda folder: now)
    with pytest.raises(BusyError), owning(tmp_path / ".lock", wait_s=3):
        pass
    assert tell(holder, "mine") == "written"


@pytest.mark.parametrize("hours", [-24, 24])
def test_what_a_killed_owner_left_is_free_though_its_time_makes_no_sense(
    tmp_path: Path, quick: None, hours: int
) -> None:
    leave(tmp_path / ".lock", age_s=hours * 3600)
    with owning(tmp_path / ".lock", wait_s=10):
        pass


def test_a_requeued_job_takes_over_from_its_earlier_life_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = tmp_path / ".lock"
    leave(lock, job="77", restarts=0)
    monkeypatch.setenv("SLURM_JOB_ID", "77")
    with pytest.raises(BusyError, match="in job 77"), owning(lock, wait_s=0):
        pass
    monkeypatch.setenv("SLURM_RESTART_COUNT", "1")
    with owning(lock, wait_s=0):
        pass


def test_whoever_lost_what_it_owned_renames_deletes_and_sets_aside_nothing(tmp_path: Path) -> None:
    lock, kept = tmp_path / ".lock", tmp_path / "done.json"
    write_json(kept, {"epochs": 3})
    for change in (lambda: write_json(kept, {}), lambda: remove(kept), lambda: set_aside(kept)):
        with pytest.raises(LostOwnershipError, match="lost-node"), owning(lock):  # noqa: PT012
            leave(lock)
            change()
        lock.unlink()
    with pytest.raises(LostOwnershipError, match="ended since"), owning(lock):  # noqa: PT012
        lock.unlink()
        write_json(kept, {})
    assert kept.read_text() == '{\n  "epochs": 3\n}\n'
    assert [path.name for path in tmp_path.iterdir()] == ["done.json"]


def test_of_many_who_want_the_same_each_has_it_alone(tmp_path: Path) -> None:
    inside, seen = [], []

    def work() -> None:
        with owning(tmp_path / ".lock", wait_s=60):
            inside.append(1)
            seen.append(len(inside))
            time.sleep(0.02)
            inside.pop()

    leave(tmp_path / ".lock", machine=this_machine(), start="1")  # a killed one before them
    workers = [threading.Thread(target=work) for _ in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert seen == [1] * 6


@pytest.mark.parametrize("error", [OSError(116, "Stale file handle"), KeyboardInterrupt()])
def test_a_lock_that_could_not_be_deleted_is_no_lock_of_this_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    def failing(path: Path, missing_ok: bool = False) -> None:
        raise error

    lock, interrupted = tmp_path / ".lock", contextlib.suppress(KeyboardInterrupt)
    with monkeypatch.context() as patch, interrupted, owning(lock):
        patch.setattr(Path, "unlink", failing)
    assert (tmp_path / ".lock").exists()
    with owning(tmp_path / ".lock", wait_s=0):
        pass


def test_what_is_no_lock_file_of_ours_is_taken_over_after_a_silence(
    tmp_path: Path, quick: None
) -> None:
    (tmp_path / ".lock").write_bytes(b"\xff{" + b"[" * 100_000)
    with pytest.raises(BusyError, match="another process"), owning(tmp_path / ".lock", wait_s=0):
        pass
    with owning(tmp_path / ".lock", wait_s=10):
        pass


def test_a_full_disk_leaves_no_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(owner: object) -> bytes:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(lock_file.Owner, "encoded", full)
    with pytest.raises(OSError, match="No space"), owning(tmp_path / ".lock"):
        pass
    assert not list(tmp_path.iterdir())


def test_a_lock_file_is_private(tmp_path: Path) -> None:
    before = os.umask(0o002)  # as on clusters whose users share a group
    try:
        with owning(tmp_path / ".lock"):
            assert (tmp_path / ".lock").stat().st_mode & 0o777 == 0o600
    finally:
        os.umask(before)


def test_a_link_planted_as_a_lock_is_not_followed(tmp_path: Path) -> None:
    private = tmp_path / "private.txt"
    private.write_text("mine")
    (tmp_path / ".lock").symlink_to(private)
    with pytest.raises(OSError, match=r"\.lock"), owning(tmp_path / ".lock"):
        pass
    assert private.read_text() == "mine"


def test_a_process_is_told_apart_from_a_later_one_with_its_number() -> None:
    me = Process.this()
    assert me.lives()
    assert Process(me.machine, me.pid, "1").lives() is False
    assert Process(ELSEWHERE, me.pid, me.start).lives() is None


def test_a_process_that_has_ended_does_not_live_though_nobody_asked_how() -> None:
    ended = subprocess.Popen(["true"])
    os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)  # it stays a zombie
    start = Path(f"/proc/{ended.pid}/stat").read_text().rpartition(")")[2].split()[19]
    assert Process(Process.this().machine, ended.pid, start).lives() is False
    ended.wait()
