"""A train.csv from a stranger leads nowhere and forges nothing."""

import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from jobs.data.layouts import read_data
from jobs.data.layouts.config import LayoutConfig
from jobs.errors import InputError


@pytest.fixture
def listed(tmp_path: Path) -> Callable[..., Path]:
    """Write a data folder whose train.csv has the given rows behind two good ones."""

    def write(*rows: str, header: str = "path,label") -> Path:
        folder = tmp_path / "data"
        folder.mkdir()
        for name in ("a.mp3", "b.mp3"):
            (folder / name).write_bytes(name.encode())
        (tmp_path / "private.mp3").write_bytes(b"private")
        commas = "," * (header.count(",") - 1)
        good = [f"a.mp3,x{commas}", f"b.mp3,y{commas}"]
        (folder / "train.csv").write_text("\n".join([header, *good, *rows]) + "\n")
        return folder

    return write


@pytest.mark.parametrize("spelling", ["../private.mp3", "{}/private.mp3", "x/../../private.mp3"])
def test_a_path_out_of_the_data_folder_is_refused_unless_asked_for(
    listed: Callable[..., Path], tmp_path: Path, spelling: str
) -> None:
    folder = listed(f"{spelling.format(tmp_path)},x")
    with pytest.raises(InputError, match=r"outside of .*: 1 of 3 clips: .*train\.csv:4.*--outside"):
        read_data(folder)
    dataset = read_data(folder, layout=LayoutConfig(outside=True))
    assert (dataset.outside, len(dataset.labelled)) == (1, 3)


def test_an_absolute_path_into_the_data_folder_is_none_that_leads_out(
    listed: Callable[..., Path], tmp_path: Path
) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "data")
    folder = listed()
    (folder / "c.mp3").write_bytes(b"c")
    with (folder / "train.csv").open("a") as file:
        file.write(f"{tmp_path}/link/c.mp3,x\n")
    assert read_data(folder).outside == 0


@pytest.mark.parametrize(
    ("row", "column"),
    [
        ("a\x1b[2J.mp3,x,,,", "path"),
        ("c.mp3,x\x1b[31m,,,", "label"),
        ("c.mp3,x,1\x07,,", "id"),
        ("c.mp3,x,1,g\x9b,", "group"),
        ("c.mp3,x,1,g,\u202etxt", "class_name"),
        (f"c.mp3,{'x' * 201},1,,", "label"),
        (f"c.mp3,x,{'1' * 1001},,", "id"),
        (f"{'d/' * 2100}c.mp3,x,1,,", "path"),
    ],
)
def test_what_is_no_name_is_refused_with_its_line(
    listed: Callable[..., Path], row: str, column: str
) -> None:
    folder = listed(row, header="path,label,id,group,class_name")
    with pytest.raises(InputError, match=rf"train\.csv:4: the {column} ") as refused:
        read_data(folder)
    message = str(refused.value)
    assert message.isprintable()
    assert len(message) < 600


def test_control_characters_of_a_folders_name_are_refused(tmp_path: Path) -> None:
    for name in ("x", "y\x1b[2J"):
        (tmp_path / "train" / name).mkdir(parents=True)
        (tmp_path / "train" / name / f"{name[0]}.mp3").write_bytes(name.encode())
    with pytest.raises(InputError, match="control character") as refused:
        read_data(tmp_path)
    assert "\\x1b" in str(refused.value)


def test_a_log_line_obeys_no_name() -> None:
    from jobs.plain_text import PlainFormatter

    record = logging.LogRecord("jobs", logging.INFO, "", 0, "%s", ("a\x1b]0;pwned\x07.mp3",), None)
    assert PlainFormatter("%(message)s").format(record) == "a\\x1b]0;pwned\\x07.mp3"
