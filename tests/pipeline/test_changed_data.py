"""What a launch does again when data change: what depends on the change, and nothing else."""

import csv
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.commands import Done, Launch


def bytes_below(folder: Path, pattern: str) -> dict[str, tuple[bytes, int]]:
    """Return the content and the time of change of each file that matches."""
    return {
        str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in folder.glob(pattern)
    }


@pytest.fixture
def launched(
    launch: Launch,
    finished: Callable[[Path], None],
    own_clips: Path,
    tiny_grid: Path,
    tmp_path: Path,
) -> tuple[Callable[..., Done], Path]:
    """A finished launch over clips that the test may change, and how to launch it again."""
    out = tmp_path / "out"
    finished(out)

    def again(data: Path = own_clips) -> Done:
        done = launch("--grid", tiny_grid, "--data", data, "--out", out, "--executor", "debug")
        assert done.returncode == 0, done.stdout + done.stderr
        return done

    assert "Nothing to do" in again().stdout
    return again, out


def submitted(out: Path) -> dict[str, str]:
    with (out / "submission.csv").open(newline="") as file:
        return {row["id"]: row["category"] for row in csv.DictReader(file)}


def test_a_new_test_clip_is_extracted_and_predicted_and_nothing_is_trained(
    launched: tuple[Callable[..., Done], Path], own_clips: Path
) -> None:
    again, out = launched
    weights = bytes_below(out, "runs/*/checkpoints/*")
    histories = bytes_below(out, "runs/*/history.csv")
    before = submitted(out)
    shutil.copyfile(own_clips / "train_mp3s" / "5.mp3", own_clips / "test_mp3s" / "99.mp3")
    said = again().stdout
    assert "train    2 of 2 done, 0 to do" in said
    assert "extract  1 of 2 done, 1 to do" in said
    assert bytes_below(out, "runs/*/checkpoints/*") == weights
    assert bytes_below(out, "runs/*/history.csv") == histories
    after = submitted(out)
    assert set(after) == {*before, "99"}
    assert {id_: after[id_] for id_ in before} == before


def test_predictions_do_not_depend_on_which_clips_are_predicted_together(
    launched: tuple[Callable[..., Done], Path],
    own_clips: Path,
) -> None:
    again, out = launched
    one_by_one = bytes_below(out, "runs/*/predictions/test-*.npz")
    moved = own_clips.parent / "moved"
    moved.mkdir()
    for name in ("3.mp3", "7.mp3", "11.mp3"):
        shutil.move(own_clips / "test_mp3s" / name, moved / name)
    again()
    for path in moved.iterdir():
        shutil.move(path, own_clips / "test_mp3s" / path.name)
    again()
    found = bytes_below(out, "runs/*/predictions/test-*.npz")
    assert {name: content for name, (content, _) in found.items()} == {
        name: content for name, (content, _) in one_by_one.items()
    }


def test_data_copied_without_their_times_do_nothing_again(
    launched: tuple[Callable[..., Done], Path],
    own_clips: Path, tmp_path: Path,
) -> None:  # fmt: skip
    again, _ = launched
    copied = tmp_path / "copied"
    shutil.copytree(own_clips, copied, copy_function=shutil.copyfile)
    assert "Nothing to do" in again(copied).stdout
    for path in own_clips.rglob("*.mp3"):
        os.utime(path)
    assert "Nothing to do" in again().stdout


def test_a_changed_byte_of_a_labelled_clip_trains_anew(
    launched: tuple[Callable[..., Done], Path], own_clips: Path
) -> None:
    again, _ = launched
    clip = own_clips / "train_mp3s" / "0.mp3"
    content = bytearray(clip.read_bytes())
    content[-1] ^= 1
    clip.write_bytes(content)
    said = again().stdout
    assert "train    0 of 2 done, 2 to do" in said
    assert "predict  0 of 1 done" in said
