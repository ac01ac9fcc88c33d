"""A launch with folds: each clip is validated once, fold models vote together."""

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from jobs.data.workspace import Workspace
from jobs.train.validation import ValidationPredictions
from jobs.vote.ensemble import Ensemble
from jobs.vote.vote import Vote
from pipeline.planning.plan import OpenedPlan
from pipeline.stages.vote import entries
from tests.commands import Launch


@pytest.fixture
def arguments(tiny_grid: Path, made_clips: Path, tmp_path: Path) -> tuple[object, ...]:
    tiny_grid.write_text(tiny_grid.read_text() + "folds: 3\n")
    common = ("--grid", tiny_grid, "--data", made_clips, "--out", tmp_path / "out")
    return (*common, "--executor", "debug")


def opened(tmp_path: Path) -> OpenedPlan:
    return OpenedPlan.load(Workspace(tmp_path / "out"))


def test_every_labelled_clip_is_validated_once_by_each_entry(
    launch: Launch, arguments: tuple[object, ...], tmp_path: Path
) -> None:
    done = launch(*arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the checkpoints kept are the same in all folds, those of epochs 2, 3" in done.stdout
    assert "momentum=0.9 fold 3" in done.stdout
    plan = opened(tmp_path)
    assert len(plan.plan.runs) == 6
    for entry in entries(plan):
        validated = [ValidationPredictions.load(run.validation).ids for run in entry.runs]
        ids = [id_ for of_fold in validated for id_ in of_fold]
        assert sorted(ids) == sorted(clip.id for clip in plan.dataset.labelled.clips)
        assert all(run.outcome().kept == (2, 3) for run in entry.runs)  # type: ignore[union-attr]
    vote = Vote.among(plan.dataset, entries(plan), plan.plan.vote)
    assert {c.epoch for c in vote.candidates} == {2, 3}
    for candidate in vote.candidates:
        said = vote.validated.said([candidate])[0]
        right = (said.argmax(axis=1) == vote.validated.labels).mean()
        assert candidate.val_accuracy == pytest.approx(right)
    ensemble = Ensemble.load(plan.workspace.ensemble)
    assert ensemble is not None
    assert {len(voter.checkpoints) for voter in ensemble.voters} == {3}
    with (tmp_path / "out" / "votes.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 12
    again = launch(*arguments)
    assert "Nothing to do" in again.stdout


def test_a_fold_that_was_lost_is_trained_again_alone_and_gives_the_same_bytes(
    launch: Launch, arguments: tuple[object, ...], tmp_path: Path
) -> None:
    assert launch(*arguments).returncode == 0
    out = tmp_path / "out"
    before = (out / "submission.csv").read_bytes(), (out / "votes.csv").read_bytes()
    runs = sorted((out / "runs").iterdir())
    others = {p: p.stat().st_mtime_ns for run in runs[1:] for p in run.glob("checkpoints/*")}
    shutil.rmtree(runs[0])
    again = launch(*arguments)
    assert again.returncode == 0, again.stderr
    assert ((out / "submission.csv").read_bytes(), (out / "votes.csv").read_bytes()) == before
    assert {p: p.stat().st_mtime_ns for p in others} == others


def test_without_folds_runs_keep_their_names(
    launch: Launch, finished: Callable[[Path], None], tiny_grid: Path, made_clips: Path,
    tmp_path: Path,
) -> None:  # fmt: skip
    finished(tmp_path / "out")
    plan = json.loads((tmp_path / "out" / "launch" / "plan.json").read_text())
    assert [run["name"] for run in plan["runs"]] == ["momentum=0.9", "momentum=0.5"]
    assert all("keep_by" not in run["settings"] for run in plan["runs"])
