"""Each layout reads into the manifest that its files describe; each mistake is named."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from jobs.data.layouts import read_data
from jobs.errors import InputError

Write = Callable[[Path], object]


def touch(root: Path, *names: str) -> None:
    """Reading a data folder decodes nothing, so empty files do."""
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def competition(root: Path, labels: str = "1\n0\n1\n0\n") -> Path:
    touch(root, *(f"train_mp3s/{i}.mp3" for i in range(4)))
    touch(root, "test_mp3s/2.mp3", "test_mp3s/10.mp3")
    (root / "train_label.txt").write_text(labels)
    return root


def csv_data(root: Path, text: str) -> Path:
    touch(root, "a/x.mp3", "a/y.mp3", "b/x.mp3")
    (root / "train.csv").write_text(text)
    return root


def test_the_first_label_line_is_clip_0_and_ids_sort_as_numbers(tmp_path: Path) -> None:
    touch(tmp_path, *(f"train_mp3s/{i}.mp3" for i in range(12)))
    (tmp_path / "train_label.txt").write_text("".join(f"{i % 3}\n" for i in range(12)))
    dataset = read_data(tmp_path)
    assert [clip.id for clip in dataset.labelled.clips] == [str(i) for i in range(12)]
    assert [clip.label for clip in dataset.labelled.clips[9:]] == ["0", "1", "2"]
    assert dataset.classes == ("0", "1", "2")
    assert dataset.test.clips == ()


def test_a_gap_among_test_clips_is_allowed_and_their_order_is_numeric(tmp_path: Path) -> None:
    assert [clip.id for clip in read_data(competition(tmp_path)).test.clips] == ["2", "10"]


def test_hidden_files_and_other_kinds_are_not_clips(tmp_path: Path) -> None:
    touch(competition(tmp_path), "train_mp3s/._0.mp3", "train_mp3s/.DS_Store", "train_mp3s/a.txt")
    assert len(read_data(tmp_path).labelled.clips) == 4


def test_windows_line_ends_a_byte_order_mark_and_final_blank_lines_are_fine(tmp_path: Path) -> None:
    competition(tmp_path, "\ufeff1\r\n0\r\n1\r\n0\r\n\r\n")
    assert [clip.label for clip in read_data(tmp_path).labelled.clips] == ["1", "0", "1", "0"]


def test_names_sort_by_alphabet_and_integers_by_value(tmp_path: Path) -> None:
    assert read_data(competition(tmp_path / "a", "rock\njazz\nrock\njazz\n")).classes == (
        "jazz",
        "rock",
    )
    assert read_data(competition(tmp_path / "b", "10\n9\n-1\n9\n")).classes == ("-1", "9", "10")


def test_labels_come_back_as_they_came_in(tmp_path: Path) -> None:
    assert read_data(competition(tmp_path, "01\n02\n01\n02\n")).classes == ("01", "02")


def test_csv_wins_over_the_competitions_layout(tmp_path: Path) -> None:
    competition(tmp_path)
    (tmp_path / "train.csv").write_text("path,label\ntrain_mp3s/3.mp3,cat\ntrain_mp3s/0.mp3,dog\n")
    dataset = read_data(tmp_path)
    assert [(clip.id, clip.label) for clip in dataset.labelled.clips] == [
        ("3", "cat"),
        ("0", "dog"),
    ]
    assert len(dataset.test.clips) == 2  # no test.csv, so test_mp3s/ still counts


def test_csv_ids_are_stems_where_unique_and_else_paths(tmp_path: Path) -> None:
    root = csv_data(tmp_path, "path,label\na/x.mp3,p\na/y.mp3,q\n")
    assert [clip.id for clip in read_data(root).labelled.clips] == ["x", "y"]
    root = csv_data(tmp_path, "path,label\na/x.mp3,p\nb/x.mp3,q\n")
    assert [clip.id for clip in read_data(root).labelled.clips] == ["a/x.mp3", "b/x.mp3"]


def test_csv_reads_every_optional_column(tmp_path: Path) -> None:
    root = csv_data(
        tmp_path,
        'id,path,label,class_name,group,fold\n7,a/x.mp3,0,"cat, big",g1,1\n8,b/x.mp3,1,dog,,2\n',
    )
    first, second = read_data(root).labelled.clips
    assert (first.id, first.label, first.group, first.fold) == ("7", "0", "g1", 1)
    assert second.group is None
    assert read_data(root).class_names == {"0": "cat, big", "1": "dog"}


def test_class_folders_label_their_clips(tmp_path: Path) -> None:
    touch(tmp_path, "train/dog/b.mp3", "train/cat/a b's.MP3", "test/10.mp3", "test/9.mp3")
    dataset = read_data(tmp_path)
    assert [(c.path, c.label) for c in dataset.labelled.clips] == [
        ("train/cat/a b's.MP3", "cat"),
        ("train/dog/b.mp3", "dog"),
    ]
    assert [clip.id for clip in dataset.test.clips] == ["9", "10"]


MISTAKES: dict[str, tuple[Write, str]] = {
    "no folder": (lambda r: None, r"does not exist; name yours with --data"),
    "nothing in it": (
        lambda r: touch(r, "readme"),
        r"holds no training clips: expected train_mp3s",
    ),
    "no labels": (lambda r: touch(r, "train_mp3s/0.mp3"), r"train_mp3s but no train_label.txt"),
    "a gap in train": (
        lambda r: (competition(r) / "train_mp3s/2.mp3").unlink(),
        r"clip 2 is missing \(train_mp3s/2.mp3, labelled in line 3\)",
    ),
    "a clip without label": (
        lambda r: touch(competition(r), "train_mp3s/4.mp3", "train_mp3s/5.mp3"),
        r"6 clips and .*4 lines: there is no label for train_mp3s/4.mp3 "
        r"\(expected in line 5\) and 1 more",
    ),
    "a name that is no number": (
        lambda r: touch(competition(r), "train_mp3s/x1.mp3"),
        r"x1\.mp3: expected <i>\.mp3 \(or \.wav, \.flac, \.\.\.\) with an integer",
    ),
    "two files of one number": (
        lambda r: touch(competition(r), "train_mp3s/02.mp3"),
        r"02\.mp3 and 2\.mp3 both are clip 2",
    ),
    "an empty line": (
        lambda r: (competition(r) / "train_label.txt").write_text("1\n\n1\n0\n"),
        r"train_label\.txt:2: empty line",
    ),
    "a non-integer among integers": (
        lambda r: (competition(r) / "train_label.txt").write_text("1\n0\n1.5\n0\n"),
        r"train_label\.txt:3: the label '1.5' is not an integer, but 3 of 4",
    ),
    "labels that are not UTF-8": (
        lambda r: (competition(r) / "train_label.txt").write_bytes(b"1\n\xff\n"),
        r"train_label\.txt:2: not UTF-8",
    ),
    "one class": (
        lambda r: (competition(r) / "train_label.txt").write_text("1\n1\n1\n1\n"),
        r"all 4 training clips have the label '1'; .*at least two classes",
    ),
    "two spellings": (
        lambda r: (competition(r) / "train_label.txt").write_text("1\n01\n0\n0\n"),
        r"'0?1' and '0?1' are the same integer",
    ),
    "a clip of the CSV missing": (
        lambda r: csv_data(r, "path,label\na/x.mp3,p\na/gone.mp3,q\n"),
        r"missing below .*: 1 of 2 clips: .*'a/gone\.mp3' \(.*train\.csv:3\)",
    ),
    "a doubled path": (
        lambda r: csv_data(r, "path,label\na/x.mp3,p\na/./x.mp3,q\n"),
        r"train\.csv:3: the path 'a/x\.mp3' is already listed at .*train\.csv:2",
    ),
    "a doubled id": (
        lambda r: csv_data(r, "path,label,id\na/x.mp3,p,1\na/y.mp3,q,1\n"),
        r"train\.csv:3: the id '1' is already listed",
    ),
    "an empty label": (
        lambda r: csv_data(r, "path,label\na/x.mp3,\n"),
        r"train\.csv:2: the label is empty",
    ),
    "no label column": (
        lambda r: csv_data(r, "path,class\na/x.mp3,p\n"),
        r"train\.csv:1: no column 'label'",
    ),
    "an unknown column": (
        lambda r: csv_data(r, "path,label,grup\na/x.mp3,p,g\n"),
        r"train\.csv:1: the column 'grup' is not one we know; did you mean 'group'\?",
    ),
    "a missing cell": (
        lambda r: csv_data(r, "path,label,id\na/x.mp3,p\n"),
        r"train\.csv:2: 2 columns where the header has 3",
    ),
    "a fold that is no integer": (
        lambda r: csv_data(r, "path,label,fold\na/x.mp3,p,one\n"),
        r"train\.csv:2: the fold must be an integer; got 'one'",
    ),
    "two names for a label": (
        lambda r: (
            csv_data(r, "path,label,class_name\na/x.mp3,0,cat\na/y.mp3,0,dog\nb/x.mp3,1,\n")
            and None
        ),
        r"train\.csv:3: label '0' is called 'dog' here and 'cat' before",
    ),
    "an empty CSV": (lambda r: csv_data(r, ""), r"train\.csv:1: no column 'path'"),
    "an empty class": (
        lambda r: touch(r, "train/cat/a.mp3", "train/dog/readme.txt"),
        r"class 'dog' is empty",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_named_with_its_place_and_remedy(tmp_path: Path, mistake: str) -> None:
    write, said = MISTAKES[mistake]
    write(tmp_path / "data")
    with pytest.raises(InputError, match=said):
        read_data(tmp_path / "data")


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    competition(tmp_path)
    (tmp_path / "test_mp3s" / "2.mp3").unlink()
    os.mkfifo(tmp_path / "test_mp3s" / "2.mp3")
    with pytest.raises(InputError, match="is a pipe or a device"):
        read_data(tmp_path)


@pytest.mark.parametrize("name", ["train_label.txt", "train.csv"])
def test_a_folder_in_place_of_a_file_is_said(tmp_path: Path, name: str) -> None:
    competition(tmp_path)
    (tmp_path / "train_label.txt").unlink()
    (tmp_path / name).mkdir()
    with pytest.raises(InputError, match=name):
        read_data(tmp_path)


def test_one_file_under_two_spellings_is_a_doubled_path(tmp_path: Path) -> None:
    absolute = tmp_path / "a" / "x.mp3"
    csv_data(tmp_path, f"path,label\na/x.mp3,p\n{absolute},q\na/y.mp3,q\n")
    with pytest.raises(InputError, match=r"train\.csv:3: the path 'a/x\.mp3' is already listed"):
        read_data(tmp_path)


def test_a_file_name_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    competition(tmp_path)
    (Path(os.fsdecode(os.fsencode(tmp_path) + b"/test_mp3s/\xff.mp3"))).touch()
    with pytest.raises(InputError, match=r"not UTF-8; rename it"):
        read_data(tmp_path)


def test_a_file_that_may_not_be_read_is_another_recording_once_it_may() -> None:
    # Not below pytest's own folder, which nobody else may enter.
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        data.chmod(0o755)
        competition(data)
        (data / "train_mp3s" / "1.mp3").chmod(0o000)
        read_data(data)  # whoever root is for a moment may not be able to import
        me = os.geteuid()
        if me == 0:
            os.seteuid(65_534)  # root may read everything
        try:
            before = read_data(data)
        finally:
            os.seteuid(me)
        (data / "train_mp3s" / "1.mp3").chmod(0o644)
        after = read_data(data)
    assert before.labelled.clips[1].sha256 == ""
    assert before.labelled.clips[0] == after.labelled.clips[0]
    assert before.labelled.fingerprint != after.labelled.fingerprint
