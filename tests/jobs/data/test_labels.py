"""Labels and groups that can hardly be meant: refused where results would be wrong, else noted."""

import unicodedata
from pathlib import Path

import pytest

from jobs.data.layouts import read_data
from jobs.errors import InputError
from tests.jobs.data.made_files import listed, sound


@pytest.mark.parametrize(
    "other",
    [unicodedata.normalize("NFD", "café"), "café\u200b", "\u2060café", "caf\u00ade", "ca\u200dfé"],
)
def test_labels_that_look_alike_are_refused(tmp_path: Path, other: str) -> None:
    label = unicodedata.normalize("NFC", "café") if other != "caf\u00ade" else "cafe"
    with pytest.raises(InputError, match=r"train\.csv:4: the label .* looks like"):
        read_data(listed(tmp_path, label, "tea", other))


def test_groups_that_some_clips_lack_are_noted(tmp_path: Path) -> None:
    def noted(train: str, test: str) -> list[str]:
        (tmp_path / "train.csv").write_text(train)
        (tmp_path / "test.csv").write_text(test)
        return [note.partition(":")[0] for note in read_data(tmp_path).notes]

    for name in "abcd":
        sound(tmp_path / f"{name}.wav")
    train = "path,label,group\na.wav,x,1\nb.wav,y,1\nc.wav,x,{}\n"
    test = "path,group\nd.wav,{}\n"
    assert noted(train.format(2), test.format(3)) == []
    assert noted(train.format(""), test.format(3)) == ["1 labelled clip of 3 is without a group"]
    without = "the labelled clips have groups and the test clips have none"
    assert noted(train.format(2), test.format(""))[0].startswith(without)
    none = "path,label\na.wav,x\nb.wav,y\nc.wav,x\n"
    assert noted(none, test.format("")) == []
    assert noted(none, test.format(3))[0].startswith("the test clips have groups")


def test_labels_that_differ_in_case_are_noted(tmp_path: Path) -> None:
    dataset = read_data(listed(tmp_path, "Dog", "dog", "cat"))
    assert dataset.classes == ("Dog", "cat", "dog")
    assert dataset.notes == (
        "labels that differ in letter case alone are classes of their own: 'Dog' and 'dog'",
    )


@pytest.mark.parametrize("header", ["label", "Category", "genre"])
def test_a_header_in_the_label_file_is_named(tmp_path: Path, header: str) -> None:
    for number in range(4):
        sound(tmp_path / "train_mp3s" / f"{number}.mp3")
    (tmp_path / "train_label.txt").write_text(f"{header}\n0\n1\n0\n1\n")
    with pytest.raises(InputError, match=rf"train_label\.txt:1: '{header}' is a header"):
        read_data(tmp_path)
