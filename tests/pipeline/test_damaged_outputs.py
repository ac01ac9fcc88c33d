"""What a launch does about an output whose files were lost or damaged: it makes them again."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.commands import Launch

Finished = Callable[[Path], None]


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def test_a_shard_that_failed_and_was_healed_by_the_index_is_no_failure(
    launch: Launch, made_clips: Path, sharded_grid: Path, out: Path
) -> None:
    command = ("--grid", sharded_grid, "--data", made_clips, "--out", out, "--set", "epochs=1")
    assert launch(*command, "--executor", "debug").returncode == 0
    (shard,) = out.glob("features/*/shard-00001-of-00003.h5")
    (shard.parent / "index.h5").unlink()
    whole = shard.read_bytes()
    shard.write_bytes(whole[:100])
    healed = launch(*command, "--executor", "debug")
    assert healed.returncode == 0, healed.stdout + healed.stderr
    assert shard.read_bytes() == whole


def test_a_quarantine_list_that_was_lost_or_is_old_is_written_again(
    launch: Launch, own_clips: Path, tiny_grid: Path, out: Path
) -> None:
    (own_clips / "train_mp3s" / "4.mp3").write_bytes(b"")
    command = ("--grid", tiny_grid, "--data", own_clips, "--out", out, "--set", "epochs=1")
    assert launch(*command, "--executor", "debug").returncode == 0
    listed = (out / "quarantine.csv").read_text()
    (out / "quarantine.csv").write_text("subset,id,path,label,features,reason\n")
    assert launch(*command, "--executor", "debug").returncode == 0
    assert (out / "quarantine.csv").read_text() == listed


def test_damaged_predictions_are_made_again_from_the_weights(
    launch: Launch, finished: Finished, made_clips: Path, tiny_grid: Path, out: Path
) -> None:
    command = ("--grid", tiny_grid, "--data", made_clips, "--out", out)
    finished(out)
    submission = (out / "submission.csv").read_bytes()
    for damaged in out.glob("runs/*/predictions/*.npz"):
        damaged.write_bytes(damaged.read_bytes()[:-30])
    healed = launch(*command, "--executor", "debug")
    assert healed.returncode == 0, healed.stdout + healed.stderr
    assert (out / "submission.csv").read_bytes() == submission
    ensemble = json.loads((out / "ensemble.json").read_text())
    assert len({voter["run"] for voter in ensemble["voters"]}) == 2


def test_a_run_that_lost_a_checkpoint_trains_again(
    launch: Launch, finished: Finished, made_clips: Path, tiny_grid: Path, out: Path
) -> None:
    command = ("--grid", tiny_grid, "--data", made_clips, "--out", out, "--executor", "debug")
    finished(out)
    submission = (out / "submission.csv").read_bytes()
    next(out.glob("runs/*/checkpoints/epoch-*.json")).unlink()
    again = launch(*command)
    assert again.returncode == 0, again.stdout + again.stderr
    assert "train    1 of 2 done, 1 to do" in again.stdout
    assert (out / "submission.csv").read_bytes() == submission


def test_damaged_weights_are_told_and_the_next_launch_mends_them(
    launch: Launch, finished: Finished, own_clips: Path, tiny_grid: Path, out: Path
) -> None:
    command = ("--grid", tiny_grid, "--data", own_clips, "--out", out, "--executor", "debug")
    finished(out)
    weights = next(out.glob("runs/*/checkpoints/epoch-*.pt"))
    content = bytearray(weights.read_bytes())
    content[len(content) // 2] ^= 1
    weights.write_bytes(content)
    shutil.copyfile(own_clips / "train_mp3s" / "5.mp3", own_clips / "test_mp3s" / "99.mp3")
    failed = launch(*command)
    assert failed.returncode == 1
    assert "the run is trained anew" in failed.stderr
    mended = launch(*command)
    assert mended.returncode == 0, mended.stdout + mended.stderr
    assert "train    1 of 2 done, 1 to do" in mended.stdout
    assert len((out / "submission.csv").read_text().splitlines()) == 1 + 13
