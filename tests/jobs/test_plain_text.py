"""Text from strangers does no harm where people look at it."""

import csv
from pathlib import Path

import pytest

from jobs.errors import InputError, PipelineError, quoted
from jobs.files import csv_rows, write_csv
from jobs.plain_text import from_a_cell, in_a_cell, on_a_terminal

FORMULAS = [
    "=1+1",
    "=HYPERLINK(...)",
    "@SUM(1;1)",
    "+cmd|' /C calc'!A0",
    "-2+3+cmd|' /C calc'!A0",
    "\t=1+1",
    "\r=1",
]
NAMES = ["-0SdAVK79lg", "-1", "+5", "@home", "a=b", "'quoted'", "", "'", "-", "Ärger (2)", "1e-3"]


@pytest.mark.parametrize("text", FORMULAS)
def test_a_formula_is_marked(text: str) -> None:
    assert in_a_cell(text) == f"'{text}"


@pytest.mark.parametrize("text", NAMES)
def test_a_name_stays_what_it_is(text: str) -> None:
    assert in_a_cell(text) == text


def test_what_was_written_is_read(tmp_path: Path) -> None:
    texts = [*FORMULAS, *NAMES, *(f"'{text}" for text in FORMULAS), "''=1", "a\nb"]
    assert [from_a_cell(in_a_cell(text)) for text in texts] == texts
    write_csv(tmp_path / "a.csv", ("id", "number"), [(text, 1) for text in texts])
    with (tmp_path / "a.csv").open(encoding="utf-8", newline="") as file:
        assert list(csv_rows(file)) == [["id", "number"], *([text, "1"] for text in texts)]
    with (tmp_path / "a.csv").open(encoding="utf-8", newline="") as file:
        cells = [row[0] for row in csv.reader(file)]
    assert not any(cell.startswith(("=", "\t", "\r")) for cell in cells)


def test_escape_sequences_are_seen_and_not_obeyed() -> None:
    assert on_a_terminal("a\x1b[2Jb\x07\x9b\x00\u202eexe.mp3\n\tc") == (
        "a\\x1b[2Jb\\x07\\x9b\\x00\\u202eexe.mp3\n\tc"
    )
    assert on_a_terminal("Grüße, 日本語, שלום") == "Grüße, 日本語, שלום"


def test_a_message_quotes_no_value_at_length() -> None:
    assert quoted("short") == "'short'"
    assert len(quoted("x" * 10**6)) <= 200
    message = str(InputError("began " + "x" * 10**6 + " do this"))
    assert len(message) <= 4000
    assert message.startswith("began x")
    assert message.endswith("x do this")
    assert isinstance(InputError("a"), PipelineError)
