"""A file that exists is complete, however its writer ended."""

import csv
import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from jobs import files
from jobs.errors import DamagedFileError, InputError
from jobs.files import read_json, remove_abandoned_temporaries, replacing, write_csv, write_json


def test_an_exception_leaves_the_old_file_and_no_temporary(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_json(path, {"old": True})
    with pytest.raises(RuntimeError), replacing(path) as temporary:  # noqa: PT012
        temporary.write_text("half")
        raise RuntimeError
    assert read_json(path) == {"old": True}
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


def test_a_full_disk_is_an_error_with_a_remedy_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(files, "_flush_to_disk", full)
    with pytest.raises(InputError, match=r"No space left on device.*--out"):
        write_json(tmp_path / "a.json", {})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("host", ["laptop", "node-1.cluster.edu"])
def test_a_killed_writer_leaves_only_a_temporary_that_is_removed_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    monkeypatch.setattr(files.socket, "gethostname", lambda: host)
    program = (
        "import os, signal, socket, sys; from pathlib import Path\n"
        f"socket.gethostname = lambda: {host!r}\n"
        "from jobs.files import replacing\n"
        "with replacing(Path(sys.argv[1])) as temporary:\n"
        "    temporary.write_text('half'); os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    killed = subprocess.run([sys.executable, "-c", program, str(tmp_path / "sub" / "a.csv")])
    assert killed.returncode == -signal.SIGKILL
    assert [p.suffix for p in (tmp_path / "sub").iterdir()] == [".tmp"]
    remove_abandoned_temporaries(tmp_path)
    assert not list((tmp_path / "sub").iterdir())


def test_a_living_writers_temporary_and_a_strangers_young_one_stay(tmp_path: Path) -> None:
    mine = tmp_path / f".a.csv.{files._host()}-{os.getpid()}-00000000.tmp"
    elsewhere = tmp_path / ".a.csv.another-node-1-00000000.tmp"
    for path in (mine, elsewhere):
        path.touch()
    remove_abandoned_temporaries(tmp_path)
    assert mine.exists()
    assert elsewhere.exists()


@pytest.mark.parametrize("odd", ["a,b", 'a"b', "a\nb", "a\rb", " a ", "é", ""])
def test_csv_cells_come_back_as_they_were(tmp_path: Path, odd: str) -> None:
    path = tmp_path / "a.csv"
    write_csv(path, ("x", "y"), [(odd, "2")])
    with path.open(encoding="utf-8", newline="") as file:
        assert list(csv.reader(file)) == [["x", "y"], [odd, "2"]]


def test_damaged_json_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('{"a": ')
    with pytest.raises(DamagedFileError, match=r"a\.json"):
        read_json(path)
