"""Well-known data sets are read as they are downloaded, by a layout in the grid."""

from pathlib import Path

import pytest

from jobs.data.layouts import read_data
from jobs.data.layouts.config import LayoutConfig
from jobs.errors import InputError
from tests.jobs.data.made_files import sound

ESC_50 = (
    "1-100032-A-0.wav,1,0,dog,True,100032,A",
    "1-100038-A-14.wav,1,14,chirping,False,100038,A",
    "2-100032-B-0.flac,2,0,dog,True,100032,B",
)


def test_esc_50_is_read_as_downloaded(tmp_path: Path) -> None:
    header = "filename,fold,target,category,esc10,src_file,take"
    (tmp_path / "meta").mkdir()
    (tmp_path / "meta" / "esc50.csv").write_text("\n".join([header, *ESC_50]))
    for row in ESC_50:
        sound(tmp_path / "audio" / row.partition(",")[0])
    columns = {"path": "filename", "label": "category", "fold": "fold", "group": "src_file"}
    layout = LayoutConfig.checked(
        {"labels": "meta/esc50.csv", "audio": "audio/", "columns": columns}, "grid"
    )
    dataset = read_data(tmp_path, layout=layout)
    assert [(c.id, c.label, c.group, c.fold) for c in dataset.labelled.clips] == [
        ("1-100032-A-0", "dog", "100032", 1), ("1-100038-A-14", "chirping", "100038", 1),
        ("2-100032-B-0", "dog", "100032", 2),
    ]  # fmt: skip
    assert dataset.notes == (
        f"{tmp_path}/meta/esc50.csv: columns that are not used: target, esc10, take",
    )


def test_urbansound_is_read_as_downloaded(tmp_path: Path) -> None:
    rows = ["100.wav,1,0.0,4.0,1,5,3,dog_bark", "101.wav,2,0.0,4.0,1,10,1,siren"]
    header = "slice_file_name,fsID,start,end,salience,fold,classID,class"
    (tmp_path / "metadata").mkdir()
    (tmp_path / "metadata" / "UrbanSound8K.csv").write_text("\n".join([header, *rows]))
    sound(tmp_path / "audio" / "fold5" / "100.wav")
    sound(tmp_path / "audio" / "fold10" / "101.wav")
    columns = {
        "path": "slice_file_name", "label": "classID", "class_name": "class", "fold": "fold",
        "group": "fsID",
    }  # fmt: skip
    layout = LayoutConfig.checked(
        {"labels": "metadata/UrbanSound8K.csv", "audio": "audio/fold{fold}", "columns": columns}, ""
    )
    dataset = read_data(tmp_path, layout=layout)
    paths = [clip.path for clip in dataset.labelled.clips]
    assert paths == ["audio/fold5/100.wav", "audio/fold10/101.wav"]
    assert dataset.class_names == {"3": "dog_bark", "1": "siren"}
    wrong = layout.model_copy(update={"audio": "audio/{folder}"})
    with pytest.raises(InputError, match=r"names the column 'folder'; there is slice_file_name"):
        read_data(tmp_path, layout=wrong)


def test_birdclef_is_read_as_downloaded(tmp_path: Path) -> None:
    header = "primary_label,secondary_labels,type,latitude,common_name,rating,url,filename"
    rows = [
        f"{bird},\"['x', 'y']\",\"['call']\",1.5,Bird,3.5,https://x.org/1,{bird}/XC{n}.ogg"
        for n, bird in enumerate(("abethr1", "barswa"))
    ]
    (tmp_path / "train_metadata.csv").write_text("\n".join([header, *rows]))
    for n, bird in enumerate(("abethr1", "barswa")):
        sound(tmp_path / "train_audio" / bird / f"XC{n}.ogg")
    layout = LayoutConfig.checked(
        {
            "labels": "train_metadata.csv", "audio": "train_audio/",
            "columns": {"path": "filename", "label": "primary_label"},
        }, "",
    )  # fmt: skip
    assert read_data(tmp_path, layout=layout).classes == ("abethr1", "barswa")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"columns": {"path": "x"}}, "describe the file that `labels` names"),
        ({"labels": "/etc/passwd"}, "stays below it"),
        ({"labels": "a.csv", "audio": "../x"}, "stays below it"),
        ({"labels": "a.csv", "columns": {"file": "x"}}, "columns"),
    ],
)
def test_a_layout_that_cannot_be_meant_is_refused(values: dict[str, object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        LayoutConfig.checked(values, "grid.yaml")
