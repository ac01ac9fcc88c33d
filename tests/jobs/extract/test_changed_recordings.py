"""What is decoded again when recordings change, move or come: no more than has to be."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from jobs.data.layouts import read_data
from jobs.data.manifest import Manifest
from jobs.errors import InputError
from jobs.extract.audio.decode import decode
from jobs.extract.features.analysis import compute
from jobs.extract.store.feature_store import FeatureStore
from jobs.extract.store.shard import read_features
from tests.jobs.extract.extracting import CONFIG, extract, extraction_of, index


def test_a_replaced_mp3_alone_is_decoded_again(
    own_clips: Path, tmp_path: Path, worked_on: list[Path], write_mp3: Callable[..., Path]
) -> None:
    root = tmp_path / "features"
    before = extract(read_data(own_clips).labelled, root)
    path = write_mp3(own_clips / "train_mp3s" / "5.mp3", frequency=999)
    worked_on.clear()
    after = extract(read_data(own_clips).labelled, root)
    assert worked_on == [path]
    assert before[0].parent != after[0].parent  # never mixed with the old ones
    old, new = read_features(before[0]), read_features(after[0])
    differing = [row for row in range(len(old)) if not np.array_equal(old[row], new[row])]
    assert differing == [5]


def test_touched_copied_and_renamed_files_are_not_extracted_again(
    own_clips: Path, tmp_path: Path, worked_on: list[Path]
) -> None:
    root = tmp_path / "features"
    first = index(read_data(own_clips).labelled, root)
    worked_on.clear()
    for path in (own_clips / "train_mp3s").iterdir():
        path.touch()
    copy = tmp_path / "copy"
    shutil.copytree(own_clips, copy)
    for data in (own_clips, copy):
        again = extraction_of(read_data(data).labelled, root)
        assert again.is_complete()
        assert again.missing() == []
        assert again.store.folder(again.manifest, CONFIG) == first.folder
    assert worked_on == []


def test_a_new_test_clip_is_the_only_one_that_is_decoded(
    own_clips: Path, tmp_path: Path, worked_on: list[Path], write_mp3: Callable[..., Path]
) -> None:
    root = tmp_path / "features"
    for manifest in read_data(own_clips).sides.values():
        index(manifest, root)
    worked_on.clear()
    path = write_mp3(own_clips / "test_mp3s" / "12.mp3", frequency=777)
    dataset = read_data(own_clips)
    assert extraction_of(dataset.labelled, root).is_complete()
    assert extraction_of(dataset.test, root).missing() == [0, 1, 2]
    features = index(dataset.test, root)
    assert worked_on == [path]
    expected = compute(decode(path, CONFIG)[0], CONFIG)
    np.testing.assert_array_equal(features.load([12])[0], expected)


def test_a_recording_that_lies_on_both_sides_is_decoded_once(
    own_clips: Path, tmp_path: Path, worked_on: list[Path]
) -> None:
    shutil.copy(own_clips / "train_mp3s" / "5.mp3", own_clips / "test_mp3s" / "3.mp3")
    dataset, root = read_data(own_clips), tmp_path / "features"
    labelled, test = index(dataset.labelled, root), index(dataset.test, root)
    assert len(worked_on) == 40 + 11
    np.testing.assert_array_equal(labelled.load([5]), test.load([3]))


def test_bytes_that_change_after_the_launch_are_an_error_and_no_features(
    own_clips: Path, tmp_path: Path, write_mp3: Callable[..., Path]
) -> None:
    manifest = read_data(own_clips).labelled
    write_mp3(own_clips / "train_mp3s" / "2.mp3", frequency=999)
    with pytest.raises(InputError, match=r"train_mp3s/2\.mp3 has changed since .* launch again"):
        extract(manifest, tmp_path)
    assert not [path for path in tmp_path.rglob("*.h5") if path.name != "index.h5"]
    assert not list(tmp_path.rglob("*.tmp"))
    extract(read_data(own_clips).labelled, tmp_path)


def test_a_file_that_was_no_file_at_the_launch_and_is_one_now_has_changed(
    own_clips: Path, tmp_path: Path, write_mp3: Callable[..., Path]
) -> None:
    path = own_clips / "train_mp3s" / "2.mp3"
    path.unlink()
    path.mkdir()
    manifest = read_data(own_clips).labelled
    assert manifest.clips[2].sha256 == ""
    path.rmdir()
    write_mp3(path)
    with pytest.raises(InputError, match=r"could not be read; now: SHA-256 .*launch again"):
        extract(manifest, tmp_path)
    path.unlink()
    path.mkdir()
    (tmp_path / "features").mkdir()
    manifest = read_data(own_clips).labelled
    assert index(manifest, tmp_path / "features").reasons == {2: "it is a folder, not a file"}
    path.rmdir()
    write_mp3(path)
    manifest = read_data(own_clips).labelled
    path.unlink()
    path.mkdir()
    with pytest.raises(InputError, match=r"now: it is a folder, not a file\); launch again"):
        extract(manifest, tmp_path / "again")


def test_a_shard_of_other_recordings_is_not_current(manifest: Manifest, tmp_path: Path) -> None:
    paths = extract(manifest, tmp_path)
    one, other = manifest.clips[:2]
    swapped = (replace(one, sha256=other.sha256), replace(other, sha256=one.sha256))
    changed = Manifest(manifest.root, swapped + manifest.clips[2:])
    folder = FeatureStore(tmp_path).folder(changed, CONFIG)
    paths[0].parent.rename(folder)  # under their name lie the shards of the others
    assert extraction_of(changed, tmp_path).missing() == [0]
