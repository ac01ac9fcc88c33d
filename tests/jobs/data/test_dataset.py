"""The data survive their file, and fingerprints change with what they stand for."""

import dataclasses
import shutil
from pathlib import Path
from typing import Any

import pytest

from jobs.data.dataset import Dataset
from jobs.data.layouts import read_data
from jobs.data.manifest import Clip, Manifest
from jobs.errors import DamagedFileError


def make(*clips: Clip) -> Dataset:
    root = Path("/data")
    labelled = tuple(clip for clip in clips if clip.label is not None)
    test = tuple(clip for clip in clips if clip.label is None)
    return Dataset(Manifest(root, labelled), Manifest(root, test))


ODD = Clip('a "b", c\r\nd', "x y/é'.mp3", "3", label="1", group="g,1", fold=2, class_name="one")
PLAIN = Clip("1", "1.mp3", "1", label="0")
TEST = Clip("1", "t/1.mp3", "2")


def test_saved_data_load_as_they_were(tmp_path: Path) -> None:
    dataset = make(ODD, PLAIN, TEST)
    dataset.save(tmp_path / "manifest.csv")
    loaded = Dataset.load(tmp_path / "manifest.csv", Path("/data"))
    assert loaded == dataset
    assert (loaded.classes, loaded.class_names) == (("0", "1"), {"1": "one"})


@pytest.mark.parametrize("text", ["", "subset,id\nlabelled,1\n", "no,csv\n1"])
def test_a_damaged_manifest_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "manifest.csv"
    path.write_text(text)
    with pytest.raises(DamagedFileError, match=r"manifest\.csv"):
        Dataset.load(path, Path("/data"))


@pytest.mark.parametrize("change", [{"sha256": "9"}, {"id": "z"}])
def test_a_changed_recording_changes_the_fingerprints_of_its_side_alone(
    change: dict[str, Any],
) -> None:
    before = make(ODD, PLAIN, TEST)
    labelled = make(ODD, dataclasses.replace(PLAIN, **change), TEST)
    assert labelled.labelled_fingerprint != before.labelled_fingerprint
    assert labelled.labelled.fingerprint != before.labelled.fingerprint
    assert labelled.test.fingerprint == before.test.fingerprint
    test = make(ODD, PLAIN, dataclasses.replace(TEST, **change))
    assert test.test.fingerprint != before.test.fingerprint
    assert test.labelled_fingerprint == before.labelled_fingerprint


@pytest.mark.parametrize("change", [{"label": "0"}, {"group": "h"}, {"fold": 1}])
def test_a_changed_label_asks_for_new_runs_but_not_for_new_features(change: dict[str, Any]) -> None:
    before, after = make(ODD, PLAIN), make(dataclasses.replace(ODD, **change), PLAIN)
    assert after.labelled_fingerprint != before.labelled_fingerprint
    assert after.labelled.fingerprint == before.labelled.fingerprint


def test_a_new_test_clip_leaves_the_labelled_ones_as_they_are() -> None:
    before, after = make(ODD, PLAIN, TEST), make(ODD, PLAIN, TEST, Clip("2", "t/2.mp3", "4"))
    assert after.labelled_fingerprint == before.labelled_fingerprint
    assert after.test.fingerprint != before.test.fingerprint


def test_moved_copied_and_touched_data_are_the_same_data(own_clips: Path, tmp_path: Path) -> None:
    before = read_data(own_clips)
    shutil.copytree(own_clips, tmp_path / "elsewhere", copy_function=shutil.copyfile)
    after = read_data(tmp_path / "elsewhere")
    assert after.labelled_fingerprint == before.labelled_fingerprint
    assert after.test.fingerprint == before.test.fingerprint
