"""The manifest survives its file, and its fingerprints change with what they stand for."""

import dataclasses
import os
from pathlib import Path

import pytest

from jobs.data.layouts import read_data
from jobs.data.manifest import Clip, Manifest
from jobs.errors import DamagedFileError


def make(*clips: Clip) -> Manifest:
    labelled = tuple(clip for clip in clips if clip.label is not None)
    test = tuple(clip for clip in clips if clip.label is None)
    return Manifest(Path("/data"), labelled, test, ("0", "1"))


ODD = Clip('a "b", c\r\nd', "x y/é'.mp3", 3, 5, label="1", group="g,1", fold=2)
PLAIN = Clip("1", "1.mp3", 1, 1, label="0")
TEST = Clip("1", "t/1.mp3", 1, 1)


def test_a_saved_manifest_loads_as_it_was(tmp_path: Path) -> None:
    manifest = make(ODD, PLAIN, TEST)
    manifest.save(tmp_path / "manifest.csv")
    loaded = Manifest.load(tmp_path / "manifest.csv", Path("/data"), ("0", "1"), {})
    assert loaded == manifest


def test_a_damaged_manifest_is_named(tmp_path: Path) -> None:
    path = tmp_path / "manifest.csv"
    path.write_text("subset,id\nlabelled,1\n")
    with pytest.raises(DamagedFileError, match=r"manifest\.csv"):
        Manifest.load(path, Path("/data"), (), {})


@pytest.mark.parametrize("change", [{"size": 9}, {"mtime_ns": 9}, {"path": "z.mp3"}, {"id": "z"}])
def test_a_changed_recording_changes_its_fingerprint_and_no_other(change: dict[str, int]) -> None:
    before = make(ODD, PLAIN, TEST)
    labelled = make(ODD, dataclasses.replace(PLAIN, **change), TEST)  # type: ignore[arg-type]
    assert labelled.labelled_fingerprint != before.labelled_fingerprint
    assert labelled.audio_fingerprint != before.audio_fingerprint
    assert labelled.test_fingerprint == before.test_fingerprint
    test = make(ODD, PLAIN, dataclasses.replace(TEST, **change))  # type: ignore[arg-type]
    assert test.test_fingerprint != before.test_fingerprint
    assert test.labelled_fingerprint == before.labelled_fingerprint


@pytest.mark.parametrize("change", [{"label": "0"}, {"group": "h"}, {"fold": 1}])
def test_a_changed_label_asks_for_new_runs_but_not_for_new_features(
    change: dict[str, object],
) -> None:
    before, after = make(ODD, PLAIN), make(dataclasses.replace(ODD, **change), PLAIN)  # type: ignore[arg-type]
    assert after.labelled_fingerprint != before.labelled_fingerprint
    assert after.audio_fingerprint == before.audio_fingerprint


def test_moving_the_data_folder_changes_no_fingerprint(own_clips: Path, tmp_path: Path) -> None:
    before = read_data(own_clips)
    os.rename(own_clips, tmp_path / "elsewhere")  # noqa: PTH104
    after = read_data(tmp_path / "elsewhere")
    assert after.labelled_fingerprint == before.labelled_fingerprint
    assert after.audio_fingerprint == before.audio_fingerprint
