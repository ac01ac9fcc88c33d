"""Nothing below a data folder is ignored in silence: it is used, refused, or counted."""

import shutil
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest

from jobs.data.dataset import Dataset
from jobs.data.layouts import read_data
from jobs.data.layouts.left_out import LeftOut
from jobs.errors import InputError
from tests.jobs.data.made_files import FORMATS, listed, sound


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """Two classes, each with a sound of every format, half of them in a sub-folder; three tests."""
    for label in ("bird", "rain"):
        for number, suffix in enumerate(FORMATS):
            below = "session 2/x" if number % 2 else "."
            sound(tmp_path / "train" / label / below / f"{label}{number}.{suffix}")
    for name in ("1.wav", "2.flac", "deep/er/3.ogg"):
        sound(tmp_path / "test" / name)
    return tmp_path


def paths(dataset: Dataset) -> tuple[list[str], list[str]]:
    sides = dataset.labelled, dataset.test
    labelled, test = ([clip.path for clip in side.clips] for side in sides)
    return labelled, test


def test_class_folders_take_any_sound_in_any_depth(folders: Path) -> None:
    dataset = read_data(folders)
    assert dataset.class_counts == {"bird": 6, "rain": 6}
    assert [clip.id for clip in dataset.test.clips] == ["1", "2", "3"]
    assert dataset.notes == ()


def test_a_sound_without_a_suffix_is_told_by_its_content(folders: Path) -> None:
    for format in FORMATS:
        sound(folders / "train" / "bird" / format, format)
    (folders / "train" / "bird" / "notes").write_bytes("ÿþ text".encode("utf-16"))
    dataset = read_data(folders)
    assert dataset.class_counts == {"bird": 12, "rain": 6}
    assert len(dataset.notes) == 1
    assert "1 file that is not audio (1 without suffix)" in dataset.notes[0]


def test_the_competitions_layout_takes_any_sound(tmp_path: Path) -> None:
    for name in ("0.wav", "1.mp3", "more/2.flac", "3.opus"):
        sound(tmp_path / "train_mp3s" / name)
    (tmp_path / "train_label.txt").write_text("0\n1\n0\n1\n")
    for name in ("3.wav", "more/1.ogg"):
        sound(tmp_path / "test_mp3s" / name)
    dataset = read_data(tmp_path)
    assert paths(dataset) == (
        ["train_mp3s/0.wav", "train_mp3s/1.mp3", "train_mp3s/more/2.flac", "train_mp3s/3.opus"],
        ["test_mp3s/more/1.ogg", "test_mp3s/3.wav"],
    )
    sound(tmp_path / "test_mp3s" / "3.mp3")
    with pytest.raises(InputError, match=r"3\.mp3 and 3\.wav both are clip 3"):
        read_data(tmp_path)


def test_every_file_is_accounted_for(folders: Path) -> None:
    sound(folders / "elsewhere" / "lost.wav")
    sound(folders / "train" / "bird" / ".hidden.wav")
    sound(folders / "__MACOSX" / "._x.mp3", "mp3")
    (folders / ".git").mkdir()
    (folders / "README.md").write_text("about")
    (folders / "train" / "bird" / "meta.json").write_text("{}")
    (folders / "train" / "bird" / "more.JSON").write_text("{}")
    (folders / "test" / "back").symlink_to(folders / "test")
    (folders / "test" / "all").symlink_to(folders)
    output = folders / "work"
    (output / "launch").mkdir(parents=True)
    (output / "launch" / "plan.json").write_text("{}")
    sound(output / "ours.wav")
    dataset = read_data(folders)
    assert len(dataset) == 15
    assert LeftOut.of(dataset) == LeftOut(
        unlisted=("elsewhere/lost.wav",),
        no_sound=((".json", 2), (".md", 1)),
        hidden=3,
        loops=("test/all/", "test/back/"),
    )
    assert [note.partition(":")[0] for note in dataset.notes] == 4 * ["left out"]
    assert "lost.wav" in dataset.notes[0]
    assert "3 files that are not audio (2 .json, 1 .md)" in dataset.notes[1]


def test_clips_that_a_list_does_not_name_are_counted(folders: Path) -> None:
    rows = ["path,label", "train/bird/bird0.mp3,bird", "train/rain/rain0.mp3,rain"]
    (folders / "train.csv").write_text("\n".join(rows))
    dataset = read_data(folders)
    assert len(dataset) == 5
    assert len(dataset.notes) == 1
    assert "10 sound files that no list" in dataset.notes[0]


@pytest.mark.parametrize("name", ["train/frog", "test", "train.csv", "test.csv", "train_mp3s"])
def test_a_link_that_leads_nowhere_is_refused(folders: Path, name: str) -> None:
    if (folders / name).is_dir():
        shutil.rmtree(folders / name)
    (folders / name).symlink_to("/gone/away")
    with pytest.raises(InputError, match=rf"{name} is a link to '/gone/away', which does not"):
        read_data(folders)


def test_a_clip_that_is_a_link_to_nowhere_is_named(folders: Path) -> None:
    (folders / "train" / "bird" / "x.wav").symlink_to("/gone/away.wav")
    with pytest.raises(InputError, match=r"missing below .*: 1 of 13 clips: .*bird/x\.wav"):
        read_data(folders)


def test_links_to_folders_are_followed(
    folders: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = tmp_path_factory.mktemp("elsewhere")
    sound(other / "sub" / "frog.wav")
    (folders / "train" / "frog").symlink_to(other)
    assert read_data(folders).class_counts == {"bird": 6, "frog": 1, "rain": 6}


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("path,label,Fold", "did you mean 'fold'"),
        ("path,label,groups", "did you mean 'group'"),
        ("path,labels", "no column 'label'; did you mean 'labels'"),
    ],
)
def test_a_near_miss_of_a_known_column_is_an_error(folders: Path, header: str, said: str) -> None:
    (folders / "train.csv").write_text(f"{header}\ntrain/bird/bird0.mp3,bird,1\n")
    with pytest.raises(InputError, match=said):
        read_data(folders)


SPELLINGS: dict[str, Callable[[str], str]] = {
    "backslashes": lambda path: path.replace("/", "\\"),
    "letter case": str.upper,
    "another form of accents": lambda path: unicodedata.normalize("NFD", path),
}


@pytest.mark.parametrize("how", SPELLINGS)
def test_a_file_that_is_there_in_another_spelling_is_named(tmp_path: Path, how: str) -> None:
    folder = listed(tmp_path, "a", "b")
    sound(folder / "söme" / "clip.wav")
    spelled = SPELLINGS[how]("söme/clip.wav")
    text = (folder / "train.csv").read_text(encoding="utf-8")
    (folder / "train.csv").write_text(f"{text}\n{spelled},a\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"There is 's\\xf6me/clip\.wav': is that what is meant\?"):
        read_data(folder)


def test_a_home_folder_is_expanded(folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(folders.parent))
    assert len(read_data(Path("~") / folders.name)) == 15
