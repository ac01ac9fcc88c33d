"""Submission files of any origin vote; what does not fit together is refused by name."""

from collections.abc import Callable
from pathlib import Path

import pytest

from jobs.errors import InputError
from jobs.vote.submissions import Submission, vote_over

File = Callable[[str, str], Submission]


@pytest.fixture
def file(tmp_path: Path) -> File:
    def write(name: str, text: str) -> Submission:
        path = tmp_path / name
        path.write_text(text)
        return Submission.load(path)

    return write


def test_most_votes_win_and_a_tie_goes_to_the_file_named_first(file: File) -> None:
    files = [
        file("a.csv", "id,category\n1,x\n2,y\n3,z\n"),
        file("b.csv", "category,id\ny,1\ny,2\nx,3\n"),
        file("c.csv", "label,id\ny,1\nz,2\ny,3\n"),
        file("d.csv", "id,category,agreement\n3,x,0.5\n2,z,1\n1,z,1\n"),
    ]
    rows = vote_over(files)
    assert [row[:3] for row in rows] == [
        ("1", "y", "0.500"),  # x y y z
        ("2", "y", "0.500"),  # y y z z: y is the first file's
        ("3", "x", "0.500"),  # z x y x
    ]
    assert rows[1][3] == ["y", "y", "z", "z"]
    assert [row[1] for row in vote_over(files[:2])] == ["x", "y", "z"]
    assert [row[1] for row in vote_over(files[1::-1])] == ["y", "y", "x"]


def test_a_tied_winner_is_one_of_the_tied(file: File) -> None:
    labels = "abbcc"  # `a` comes first, but has one vote
    files = [file(f"{n}.csv", f"id,category\n1,{label}\n") for n, label in enumerate(labels)]
    assert vote_over(files)[0][1] == "b"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("id,category\n1,x\n", "lacks 1 of the ids of .*a.csv: '2'"),
        ("id,category\n1,x\n2,y\n9,y\n", "a.csv lacks 1 of the ids of .*b.csv: '9'"),
        ("id,category\n1,x\n1,y\n", "row 3: id '1' is there twice"),
        ("id,category\n1,\n2,x\n", "row 2: expected 2 cells, none empty"),
        ("id,category\n1,x,y\n2,x\n", "row 2: expected 2 cells"),
        ("clip,category\n1,x\n2,x\n", "must have the columns `id` and `category`"),
        ("id,a,b\n1,x,y\n", "must have the columns `id` and `category`"),
        ("id,confidence\n1,0.3\n2,0.9\n", "it may be called label, class,"),
        ("", "must have the columns"),
        ("id,category\n", "has no rows"),
    ],
)
def test_files_that_do_not_fit_are_refused_with_the_place(file: File, text: str, said: str) -> None:
    good = file("a.csv", "id,category\n1,x\n2,y\n")
    with pytest.raises(InputError, match=said):
        vote_over([good, file("b.csv", text)])
