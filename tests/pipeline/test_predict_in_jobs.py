"""Predictions in jobs: the bytes of one process, done again only where something is missing."""

import csv
import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from jobs.data.workspace import Workspace
from jobs.errors import DamagedFileError
from jobs.inference.clips import listed
from jobs.inference.opening import open_classifier
from pipeline.planning.prediction import prepared
from pipeline.planning.site import load_site
from pipeline.planning.space import make_writable
from pipeline.stages.classify import CLASSIFY, COLLECT
from tests.commands import command


@pytest.fixture
def model(finished: Callable[[Path], None], tmp_path: Path) -> Path:
    finished(tmp_path / "model")
    return tmp_path / "model"


@pytest.fixture
def clips(made_clips: Path, tmp_path: Path) -> Path:
    """Twelve clips, a long one and one that cannot be read."""
    folder = tmp_path / "clips"
    shutil.copytree(made_clips / "test_mp3s", folder)
    (folder / "bad, 'quoted'.mp3").write_bytes(b"no sound at all" * 100)
    samples = np.random.default_rng(0).normal(0, 0.1, 22_050 * 3)
    soundfile.write(folder / "long.wav", samples, 22_050)
    return folder


@pytest.mark.parametrize(
    ("name", "options"),
    [("said.csv", ()), ("said.json", ()), ("said.csv", ("--hop", 0.5))],
    ids=["csv", "json", "windows"],
)
def test_local_jobs_give_the_bytes_and_the_words_of_one_process(
    model: Path, clips: Path, tmp_path: Path, name: str, options: tuple[object, ...]
) -> None:
    folders = {each: tmp_path / each for each in ("plain", "jobs")}
    labels = {each: ("--labels", folder / "labels") for each, folder in folders.items()}
    words = {}
    for each, folder in folders.items():
        folder.mkdir()
        how = ("--executor", "local", "--per-task", 5) if each == "jobs" else ()
        asked = (*options, *(labels[each] if options else ()), *how)
        done = command("predict", model, clips, "--out", folder / name, *asked)
        assert done.returncode == 0, done.stdout + done.stderr
        words[each] = done.stdout.partition("classified")[2].replace(str(folder), "")
    plain, jobs = (
        {p.name: p.read_bytes() for p in f.rglob("*") if p.suffix in (".csv", ".json", ".txt")
         and f"{name}.work" not in p.parts}
        for f in folders.values()
    )  # fmt: skip
    assert plain == jobs
    assert len(plain) == (15 if options else 1)
    assert words["plain"].splitlines()[:5] == words["jobs"].splitlines()[:5]
    assert "without a label" in words["jobs"]


def test_only_what_is_missing_is_done_again(model: Path, clips: Path, tmp_path: Path) -> None:
    out = tmp_path / "said.csv"
    asked = ("predict", model, clips, "--out", out, "--executor", "local", "--per-task", 5)
    assert command(*asked).returncode == 0
    first = out.read_bytes()
    answers = sorted((tmp_path / "said.csv.work" / "launch" / "answers").iterdir())
    times = [path.stat().st_mtime_ns for path in answers]
    again = command(*asked)
    assert again.returncode == 0
    assert "classify:" not in again.stdout
    out.unlink()
    answers[1].unlink()
    assert command(*asked).returncode == 0
    assert out.read_bytes() == first
    kept = [path.stat().st_mtime_ns for path in answers]
    assert [a == b for a, b in zip(kept, times, strict=True)] == [True, False, True]
    # A recording that was exchanged is heard anew, and its list alone.
    shutil.copy(clips / "long.wav", clips / "7.mp3")
    changed = command(*asked)
    assert "done: part 2 of 3" in changed.stdout
    assert "done: part 1 of 3" not in changed.stdout
    with out.open(newline="") as file:
        rows = {row["id"]: row for row in csv.DictReader(file)}
    assert rows["7"]["p_0"] == rows["long"]["p_0"]


def test_the_output_of_a_launch_is_no_folder_for_a_prediction(
    model: Path, clips: Path, tmp_path: Path
) -> None:
    asked = ("--out", tmp_path / "said.csv", "--executor", "local")
    done = command("predict", model, clips, *asked, "--work", model)
    assert done.returncode == 2
    assert "is the output of a launch; choose another --work" in done.stderr
    assert command("predict", model, clips, *asked).returncode == 0
    status = command("status", tmp_path / "said.csv.work")
    assert status.returncode == 2
    assert "is the folder of a prediction; the same predict command again" in status.stderr


def test_a_part_that_fails_is_named_and_nothing_half_done_gets_the_name_that_was_asked_for(
    model: Path, clips: Path, tmp_path: Path
) -> None:
    out = tmp_path / "said.csv"
    asked = ("predict", model, clips, "--out", out, "--executor", "local", "--per-task", 5)
    for weights in model.glob("runs/*/checkpoints/*.pt"):
        weights.write_bytes(b"damaged")
    done = command(*asked)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "epoch-0000" in done.stdout + done.stderr
    assert "answers are missing for 3 of 3 parts" in done.stdout + done.stderr
    assert not out.exists()


def test_what_was_delivered_is_made_again_if_it_is_not_that_any_more(
    model: Path, clips: Path, tmp_path: Path
) -> None:
    out, labels = tmp_path / "said.csv", tmp_path / "labels"
    local = ("--executor", "local", "--per-task", 5)
    asked = ("predict", model, clips, "--out", out, "--hop", 0.5, "--labels", labels, *local)
    assert command(*asked).returncode == 0
    first = out.read_bytes()
    assert command("predict", model, clips / "1.mp3", "--out", out).returncode == 0
    assert out.read_bytes() != first
    again = command(*asked)
    assert again.returncode == 0, again.stderr
    assert "classify:" not in again.stdout
    assert out.read_bytes() == first
    shutil.rmtree(labels)
    assert command(*asked).returncode == 0
    assert (labels / "long.txt").exists()


def test_answers_of_another_model_are_not_mixed_with_those_of_this_one(
    model: Path, clips: Path, tmp_path: Path
) -> None:
    asked = ("--out", tmp_path / "said.csv", "--executor", "local", "--per-task", 5)
    assert command("predict", model, clips, *asked).returncode == 0
    # Other weights under the same names, as of the same grid trained elsewhere.
    for meta in model.glob("runs/*/checkpoints/*.json"):
        said = json.loads(meta.read_text())
        weights = meta.with_name(said["weights"])
        state = torch.load(weights, weights_only=True)
        for tensor in state["weights"].values():
            if tensor.is_floating_point():
                tensor.mul_(0.5)
        torch.save(state, weights)
        said["weights_sha256"] = hashlib.sha256(weights.read_bytes()).hexdigest()
        meta.write_text(json.dumps(said))
    again = command("predict", model, clips, *asked)
    assert again.returncode == 0, again.stderr
    assert "done: part 1 of 3" in again.stdout


def test_a_folder_of_clips_may_hold_what_is_half_done(
    model: Path, clips: Path, tmp_path: Path
) -> None:
    asked = ("predict", model, clips, "--out", clips / "said.csv", "--executor", "local")
    assert command(*asked).returncode == 0
    again = command(*asked)
    assert "14 clips, " in again.stdout
    assert "classify:" not in again.stdout


def test_windows_of_files_that_cannot_be_read_now_are_no_answers(
    model: Path, clips: Path, tmp_path: Path
) -> None:
    workspace = Workspace(tmp_path / "work")
    make_writable(workspace)
    listing, classifier = listed([clips]), open_classifier(model)
    site, out = load_site("local", []), tmp_path / "said.csv"
    opened = prepared(workspace, model, classifier, listing, site, out, hop=0.5)
    opened.save()
    clips.rename(tmp_path / "gone")
    with pytest.raises(FileNotFoundError):
        CLASSIFY.do(opened, 0, 1)
    assert CLASSIFY.missing(opened) == [0]
    (tmp_path / "gone").rename(clips)
    CLASSIFY.do(opened, 0, 1)
    assert CLASSIFY.missing(opened) == []
    opened.answers(0).write_text("id,path\nhalf")
    with pytest.raises(DamagedFileError, match="delete it, and give the same command again"):
        COLLECT.do(opened, 0, 1)
