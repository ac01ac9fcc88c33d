"""A file that exists is complete, however its writer ended."""

import csv
import errno
import os
from pathlib import Path

import pytest

from jobs import files
from jobs.errors import DamagedFileError, InputError
from jobs.files import (
    SET_ASIDE,
    read_json,
    replacing,
    set_aside,
    write_csv,
    write_json,
)


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


def test_what_is_set_aside_is_kept_each_time(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for text in "ab":
        (tmp_path / "x").write_text(text)
        set_aside(tmp_path / "x")
    set_aside(tmp_path / "x")
    aside = tmp_path / SET_ASIDE
    assert {path.name: path.read_text() for path in aside.iterdir()} == {"x": "a", "x.2": "b"}
    assert [path.name for path in tmp_path.iterdir()] == [SET_ASIDE]
    assert caplog.text.count("is set aside as") == 2


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


def test_a_folder_that_may_not_be_written_is_told_from_data_that_may_not_be_read(
    tmp_path: Path,
) -> None:
    target = tmp_path / "out" / "a.csv"
    target.parent.mkdir()
    ours = PermissionError(13, "Permission denied", str(target.parent / ".a.csv.tmp"))
    theirs = PermissionError(13, "Permission denied", str(tmp_path / "data" / "3.mp3"))
    above = PermissionError(13, "Permission denied", str(tmp_path))
    for error in (ours, above):
        with pytest.raises(InputError, match="Choose another --out"), replacing(target):
            raise error
    with pytest.raises(PermissionError, match=r"3\.mp3"), replacing(target):
        raise theirs
