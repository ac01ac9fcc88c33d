"""What killed writers leave is removed, and nothing that is not ours for certain."""

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from jobs import process
from jobs.data.workspace import Workspace
from jobs.files import replacing
from jobs.process import Process, this_machine
from jobs.temporaries import remove_abandoned_temporaries, remove_abandoned_temporaries_in


def test_a_killed_writer_leaves_only_a_temporary_that_is_removed_later(tmp_path: Path) -> None:
    program = (
        "import os, signal, sys; from pathlib import Path\n"
        "from jobs.files import replacing\n"
        "with replacing(Path(sys.argv[1])) as temporary:\n"
        "    temporary.write_text('half'); os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    killed = subprocess.run([sys.executable, "-c", program, str(tmp_path / "sub" / "a.csv")])
    assert killed.returncode == -signal.SIGKILL
    assert [p.suffix for p in (tmp_path / "sub").iterdir()] == [".tmp"]
    remove_abandoned_temporaries_in(tmp_path)
    assert list((tmp_path / "sub").iterdir())  # it looks into no folder
    remove_abandoned_temporaries(tmp_path)
    assert not list((tmp_path / "sub").iterdir())


def leave(path: Path, days: float = 0) -> Path:
    path.touch()
    then = time.time() - days * 24 * 3600
    os.utime(path, (then, then))
    return path


def test_only_temporaries_of_ours_whose_writer_is_gone_for_certain_are_removed(
    tmp_path: Path,
) -> None:
    here, other, pid = this_machine(), "0" * 12, os.getpid()
    start = Process.this().start
    kept = [
        leave(tmp_path / f".a.csv.clip-{here}-{pid}-{start}-00000000.tmp", days=30),
        leave(tmp_path / f".a.csv.clip-{other}-1-1-00000000.tmp", days=2),
        leave(tmp_path / ".notes.tmp", days=400),
        leave(tmp_path / ".a.csv.laptop-1-00000000.tmp", days=400),
        leave(tmp_path / "a.csv.tmp", days=400),
    ]
    gone = [
        leave(tmp_path / f".a.csv.clip-{here}-{pid}-1-00000000.tmp"),  # an earlier process of it
        leave(tmp_path / f".a.csv.clip-{other}-1-1-00000001.tmp", days=8),
    ]
    remove_abandoned_temporaries(tmp_path)
    assert all(path.exists() for path in kept)
    assert not any(path.exists() for path in gone)
    assert sorted(tmp_path.iterdir()) == sorted(kept)


def test_where_no_start_of_a_process_can_be_seen_a_living_writers_temporary_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "_stat", lambda pid, field: None)  # as on a Mac
    with replacing(tmp_path / "a.csv") as temporary:
        temporary.write_text("half")
        remove_abandoned_temporaries(tmp_path)
        assert temporary.exists()


def test_a_full_disk_keeps_no_temporary_of_a_killed_writer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    gone = leave(tmp_path / f".a.csv.clip-{this_machine()}-{os.getpid()}-1-00000000.tmp")
    other = leave(tmp_path / f".a.csv.clip-{'0' * 12}-1-1-00000000.tmp", days=30)
    monkeypatch.setattr(Path, "touch", full)
    remove_abandoned_temporaries(tmp_path)
    assert not gone.exists()
    assert other.exists()  # its age cannot be known now


def test_the_age_of_a_temporary_does_not_depend_on_this_machines_clock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = leave(tmp_path / f".a.csv.clip-{'0' * 12}-1-1-00000000.tmp")
    monkeypatch.setattr(time, "time", lambda: 4e9)
    remove_abandoned_temporaries(tmp_path)
    assert path.exists()


def test_folders_of_others_below_an_output_are_not_searched(tmp_path: Path) -> None:
    killed = f".a.csv.clip-{this_machine()}-{os.getpid()}-1-00000000.tmp"
    (tmp_path / "thesis").mkdir()
    (tmp_path / "features").mkdir()
    theirs = leave(tmp_path / "thesis" / killed)
    ours = [leave(tmp_path / killed), leave(tmp_path / "features" / killed)]
    Workspace(tmp_path).remove_abandoned_temporaries()
    assert theirs.exists()
    assert not any(path.exists() for path in ours)
