"""One owner at a time, and no stale lock after a kill."""

import errno
import fcntl
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from jobs import ownership
from jobs.errors import BusyError
from jobs.ownership import is_owned, owning

HOLD = (
    "import sys, time; from pathlib import Path; from jobs.ownership import is_owned, owning\n"
    "with owning(Path(sys.argv[1])):\n"
    "    print('held', flush=True); time.sleep(60)\n"
)


def test_a_held_folder_names_its_owner_and_is_free_once_the_owner_is_killed(tmp_path: Path) -> None:
    lock = tmp_path / ".lock"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(lock)], stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    assert is_owned(lock)
    with pytest.raises(BusyError, match=f"process {holder.pid}"), owning(lock, wait=False):
        pass
    holder.kill()
    holder.wait()
    assert not is_owned(lock)
    with owning(lock, wait=False):
        pass


def test_a_glance_at_a_lock_turns_nobody_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock, glance = tmp_path / ".lock", (tmp_path / ".lock").open("a+")
    fcntl.flock(glance, fcntl.LOCK_EX)  # as is_owned holds it, for an instant
    monkeypatch.setattr(ownership.time, "sleep", lambda _: glance.close())
    with owning(lock, wait=False):
        pass


def test_without_locks_a_lease_keeps_others_out_until_its_owner_is_silent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_locks(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(ownership.fcntl, "flock", no_locks)
    lock, lease = tmp_path / ".lock", tmp_path / ".lock.lease"
    with owning(lock, wait=False):
        with pytest.raises(BusyError, match=f"process {os.getpid()}"), owning(lock, wait=False):
            pass
        assert lease.exists()
    assert not lease.exists()
    lease.write_text('{"host": "lost-node", "pid": 1, "token": "x"}')
    with pytest.raises(BusyError, match="process 1 on lost-node"), owning(lock, wait=False):
        pass
    os.utime(lease, (0, time.time() - 2 * ownership.STALE_AFTER_S))
    with owning(lock, wait=False):
        pass
    assert sorted(p.name for p in tmp_path.iterdir()) == [".lock"]


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
