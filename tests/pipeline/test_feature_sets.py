"""All three feature sets in one grid, and what bad clips do to a launch."""

import csv
import json
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest

from jobs.data.synthetic import MadeClips, write_clips
from tests.commands import Launch

MIXED = """\
seconds: 0.5
depth: 8
epochs: 2
batch_size: 8
lr: 0.05
weight_decay: 5e-4
threads: 1
shards: 2
sweep:
  features: [v1, v3, v2]
"""


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    path = tmp_path / "mixed.yaml"
    path.write_text(MIXED)
    return path


def features_of(out: Path, name: str) -> np.ndarray:
    shards = sorted(out.glob(f"features/{name}-*/shard-*.h5"))
    assert len(shards) == 3  # two of the labelled clips, one of the test clips
    stored = []
    for shard in shards:
        with h5py.File(shard) as file:
            stored.append(file["features"][:])
    return np.concatenate(stored)


def test_a_grid_mixes_all_three_feature_sets(
    launch: Launch, made_clips: Path, mixed: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    done = launch("--grid", mixed, "--data", made_clips, "--out", out, "--executor", "debug")
    assert done.returncode == 0, done.stdout + done.stderr
    with (out / "submission.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 12
    v1, v2, v3 = (features_of(out, name) for name in ("v1", "v2", "v3"))
    assert (v1.shape, v2.shape, v3.shape) == ((52, 64, 22), (52, 194, 22), (52, 194))
    for clip in v2.mean(axis=2):
        assert (v3 == clip).all(axis=1).any()
    voted = json.loads((out / "ensemble.json").read_text())
    assert not voted["absent"]


@pytest.fixture
def with_bad_clips(tmp_path: Path) -> Path:
    data = tmp_path / "data"
    write_clips(data, MadeClips(train=40, test=12, seconds=0.5))
    for number in range(3):
        (data / "train_mp3s" / f"{number}.mp3").write_text("no audio\n" * 99)
    return data


def test_strict_refuses_a_bad_clip_and_without_it_the_launch_goes_on(
    launch: Launch, with_bad_clips: Path, tiny_grid: Path, tmp_path: Path
) -> None:
    common = ("--grid", tiny_grid, "--data", with_bad_clips, "--executor", "debug")
    out = ("--out", tmp_path / "out")
    refused = launch(*common, *out, "--strict")
    assert refused.returncode == 1
    assert "3 of 52 clips cannot be used, and --strict allows none" in refused.stderr
    assert "stage train is not started: stage index failed" in refused.stderr
    with (tmp_path / "out" / "quarantine.csv").open(newline="") as file:
        assert [row["id"] for row in csv.DictReader(file)] == ["0", "1", "2"]
    allowed = launch(*common, *out)
    assert allowed.returncode == 0, allowed.stdout + allowed.stderr
    submission = (tmp_path / "out" / "submission.csv").read_bytes()
    (with_bad_clips / "test_mp3s" / "99.mp3").write_text("no audio either\n" * 99)
    again = launch(*common, *out, "--strict")
    assert again.returncode == 1
    assert "--strict allows none" in again.stderr
    assert "stage vote is not started" in again.stderr  # though all runs are trained
    assert (tmp_path / "out" / "submission.csv").read_bytes() == submission


def test_more_than_the_allowed_share_of_bad_clips_is_an_error_until_it_is_allowed(
    launch: Launch, with_bad_clips: Path, tiny_grid: Path, tmp_path: Path
) -> None:
    for number in range(10, 20):
        shutil.copy(
            with_bad_clips / "train_mp3s/0.mp3", with_bad_clips / f"train_mp3s/{number}.mp3"
        )
    common = ("--grid", tiny_grid, "--data", with_bad_clips, "--executor", "debug")
    out = ("--out", tmp_path / "out")
    refused = launch(*common, *out)
    assert refused.returncode == 1
    assert "13 of 52 clips cannot be used, and `bad_clips: 0.05` allows 5 %" in refused.stderr
    allowed = launch(*common, *out, "--set", "bad_clips=0.3")
    assert allowed.returncode == 0, allowed.stdout + allowed.stderr
