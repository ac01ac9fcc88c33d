"""Clips that cannot be decoded, or not to their end: named, and nobody else suffers."""

import csv
from pathlib import Path

import numpy as np
import pytest

from jobs.data.dataset import LABELLED, TEST
from jobs.data.layouts import read_data
from jobs.errors import InputError
from jobs.extract.quarantine import Limits, Quarantine
from jobs.extract.store.shard import read_columns, read_features
from tests.jobs.extract.extracting import extract, index


def test_bad_clips_take_no_row_and_are_listed_with_the_reason(
    own_clips: Path, tmp_path: Path
) -> None:
    (own_clips / "train_mp3s" / "0.mp3").write_bytes(b"")
    (own_clips / "train_mp3s" / "1.mp3").write_text("not audio\n" * 100)
    (own_clips / "test_mp3s" / "3.mp3").unlink()
    (own_clips / "test_mp3s" / "3.mp3").mkdir()
    dataset = read_data(own_clips)
    paths = extract(dataset.labelled, tmp_path)
    labelled, test = index(dataset.labelled, tmp_path), index(dataset.test, tmp_path)
    columns = read_columns(paths[0])
    assert len(read_features(paths[0])) == len(columns.row) - 2
    assert np.isnan(columns.band_levels).all(axis=(1, 2)).tolist() == (columns.row < 0).tolist()
    assert labelled.readable(range(3)) == [2]
    Quarantine.of(dataset, [(LABELLED, labelled), (TEST, test)]).save(tmp_path / "quarantine.csv")
    with (tmp_path / "quarantine.csv").open() as file:
        rows = [(r["subset"], r["id"], r["reason"]) for r in csv.DictReader(file)]
    assert rows == [
        ("labelled", "0", "the file is empty (0 bytes)"),
        ("labelled", "1", "format not recognised: this is not audio"),
        ("test", "3", "it is a folder, not a file"),
    ]


def test_a_class_with_no_readable_clip_stops_the_index(own_clips: Path, tmp_path: Path) -> None:
    labels = (own_clips / "train_label.txt").read_text().split()
    for number, label in enumerate(labels):
        if label == "0":
            (own_clips / "train_mp3s" / f"{number}.mp3").write_bytes(b"")
    dataset = read_data(own_clips)
    features = index(dataset.labelled, tmp_path)
    quarantine = Quarantine.of(dataset, [(LABELLED, features)])
    with pytest.raises(InputError, match="no clip of class '0' can be decoded"):
        quarantine.require_usable(dataset, range(len(dataset.labelled)), Limits())


def test_a_file_that_cannot_be_read_completes_no_shard(own_clips: Path, tmp_path: Path) -> None:
    manifest = read_data(own_clips).labelled
    (own_clips / "train_mp3s" / "2.mp3").unlink()
    (own_clips / "train_mp3s" / "2.mp3").symlink_to("/proc/self/mem")  # reading it: EIO
    with pytest.raises(OSError, match=r"Input/output error: .*train_mp3s/2\.mp3"):
        extract(manifest, tmp_path)
    assert not list(tmp_path.rglob("*.h5"))
    assert not list(tmp_path.rglob("*.tmp"))


def test_partial_clips_have_features_and_are_known(own_clips: Path, tmp_path: Path) -> None:
    path = own_clips / "train_mp3s" / "4.mp3"
    path.write_bytes(path.read_bytes()[:-1500])
    manifest = read_data(own_clips).labelled
    features = index(manifest, tmp_path)
    assert features.partial == (4,)
    assert features.reasons == {}
    assert len(features.load([4])) == 1
