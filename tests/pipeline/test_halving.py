"""Successive halving of whole launches: who continues, what a lost run does, the same bytes."""

import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from jobs.data.workspace import Workspace
from jobs.ownership import owning
from jobs.train.trainer import Trainer
from jobs.vote.ensemble import Ensemble
from jobs.vote.estimate.artefact import Estimate
from pipeline.executors.here import run_stages
from pipeline.planning.grid import read_grid
from pipeline.planning.opening import open_plan
from pipeline.planning.plan import OpenedPlan
from pipeline.planning.site import load_site
from pipeline.stages.graph import remaining
from pipeline.stages.train import TRAIN
from tests.commands import Launch, command
from tests.grids import TINY_NET

HALVED = (
    f"{TINY_NET}epochs: 4\n"
    + """\
votes: 2
halving: 2
runs:
  - {name: trees, model: extra_trees, features: v1pooled, trees: 10}
  - {name: a, lr: 0.05}
  - {name: b, lr: 0.01}
  - {name: c, lr: 1e-5}
  - {name: hopeless, lr: 1e6}
"""
)


@pytest.fixture
def halved(tmp_path: Path) -> Path:
    path = tmp_path / "halved.yaml"
    path.write_text(HALVED)
    return path


def opened(out: Path) -> OpenedPlan:
    return OpenedPlan.load(Workspace(out))


def standing(out: Path) -> dict[str, int | None]:
    """Return the rung at which each entry stopped."""
    plan = opened(out)
    stopped = {run.of: plan.ladder.stopped_at(run.entry) for run in plan.plan.runs}
    return {name: at.rung if at else None for name, at in stopped.items()}


def signature(out: Path, name: str) -> str:
    return next(run.signature for run in opened(out).plan.runs if run.name == name)


def files_of(run: Path) -> dict[str, str]:
    """Return hashes of what a run left, but for how long it took."""
    kinds = ("*.pt", "*.npz", "*.bin", "checkpoints/*.json", "predictions/*")
    found = {path for kind in kinds for path in run.rglob(kind) if path.is_file()}
    return {
        str(path.relative_to(run)): hashlib.sha256(path.read_bytes()).hexdigest() for path in found
    }


def status(out: Path) -> Any:
    return json.loads(command("status", out, "--json").stdout)


def test_the_best_train_on_and_end_like_runs_that_nobody_ranked(
    launch: Launch, halved: Path, made_clips: Path, tmp_path: Path
) -> None:
    out, whole = tmp_path / "out", tmp_path / "whole"
    common = ("--grid", halved, "--data", made_clips, "--executor", "debug")
    done = launch(*common, "--out", out)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "of 4 runs, 2 left after 25% of their epochs, " in done.stdout
    assert "at most 8 of 16 epochs (50%)" in done.stdout
    stopped = standing(out)
    assert (stopped["hopeless"], stopped["trees"]) == (1, None)
    assert sorted(str(rung) for rung in stopped.values()) == ["1", "1", "2", "None", "None"]
    rung = json.loads((out / "launch" / "rung-1.json").read_text())
    assert rung["tiers"]["small"][-1]["failed"].startswith("diverged in epoch 1")

    assert launch(*common, "--out", whole, "--set", "halving=null").returncode == 0
    (best,) = (name for name, at in stopped.items() if at is None and name != "trees")
    ours = files_of(out / "runs" / signature(out, best))
    assert len(ours) >= 9
    assert ours == files_of(whole / "runs" / signature(whole, best))

    assert "the best model without epochs ('trees', " in done.stdout
    ensemble = Ensemble.load(out / "ensemble.json")
    assert ensemble is not None
    assert {voter.run for voter in ensemble.voters} <= {"trees", best}
    assert {each.run for each in ensemble.absent if each.stopped} == {
        name for name, at in stopped.items() if at
    }
    estimate = Estimate.load(out / "estimate.json")
    assert estimate is not None
    assert any(said.startswith("not corrected for halving,") for said in estimate.assumed)
    seen = status(out)
    assert seen["stages"]["train-2"] == {"done": 2}
    (told,) = {i["detail"] for i in seen["items"] if i["run"] == "hopeless"}
    assert told.startswith("stopped at rung 1: diverged in epoch 1")
    # Those that stopped keep what they would go on from, until somebody says clean.
    states = {path.parent.name for path in out.glob("runs/*/state-*.pt")}
    assert states == {signature(out, name) for name, at in stopped.items() if at} - {
        signature(out, "hopeless")
    }
    assert "Nothing to do" in launch(*common, "--out", out).stdout
    assert "stopped at a rung" in command("clean", out, "--yes").stdout
    assert not list(out.glob("runs/*/state-*.pt"))
    assert "Nothing to do" in launch(*common, "--out", out).stdout

    # Without halving they go on, or begin anew, to the same result.
    assert launch(*common, "--out", out, "--set", "halving=null").returncode == 0
    assert (out / "submission.csv").read_bytes() == (whole / "submission.csv").read_bytes()


def test_a_lost_run_leaves_the_rung_undecided_and_the_same_launch_goes_on(
    launch: Launch, halved: Path, made_clips: Path, tmp_path: Path
) -> None:
    out, undisturbed = tmp_path / "out", tmp_path / "undisturbed"
    common = ("--grid", halved, "--data", made_clips, "--executor", "debug")
    assert launch(*common, "--out", undisturbed).returncode == 0
    lost = out / "runs" / signature(undisturbed, "c")
    (lost / "history.csv").mkdir(parents=True)  # whatever writes it fails
    failed = launch(*common, "--out", out)
    assert failed.returncode != 0
    assert "rung 1 is undecided, because run 'c' is not trained to epoch 1" in failed.stdout
    assert "stage train-2 is not started: stage rung-1 failed" in failed.stderr
    assert not (out / "submission.csv").exists()
    causes = [item for item in status(out)["items"] if item["stage"] == "rung-1"]
    assert "'c' is not trained" in causes[0]["detail"]

    (lost / "history.csv").rmdir()
    assert launch(*common, "--out", out).returncode == 0
    for name in ("submission.csv", "votes.csv", "launch/rung-1.json", "launch/rung-2.json"):
        assert (out / name).read_bytes() == (undisturbed / name).read_bytes(), name


def test_a_rung_is_decided_once_and_another_grid_has_rungs_of_its_own(
    launch: Launch, halved: Path, made_clips: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    common = ("--grid", halved, "--data", made_clips, "--out", out, "--executor", "debug")
    assert launch(*common).returncode == 0
    before, stopped = (out / "launch" / "rung-1.json").read_bytes(), standing(out)
    # A run that stopped is gone, and nobody needs it.
    gone = next(name for name, at in stopped.items() if at == 2)
    shutil.rmtree(out / "runs" / signature(out, gone))
    assert "train: " not in launch(*common).stdout  # the report lacks its curve from now on
    # The winner's is made again, and the rung stays as it was.
    best = next(name for name, at in stopped.items() if at is None and name != "trees")
    shutil.rmtree(out / "runs" / signature(out, best))
    assert launch(*common).returncode == 0
    assert (out / "launch" / "rung-1.json").read_bytes() == before
    halved.write_text(HALVED + "  - {name: d, lr: 0.02}\n")
    assert launch(*common).returncode == 0
    assert len(json.loads((out / "launch" / "rung-1.json").read_text())["tiers"]["small"]) == 5


def test_folds_are_ranked_on_their_mean(
    launch: Launch, halved: Path, made_clips: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    common = ("--grid", halved, "--data", made_clips, "--out", out, "--executor", "debug")
    assert launch(*common, "--set", "folds=2", "--set", "halving_by=loss").returncode == 0
    plan, ranked = opened(out), json.loads((out / "launch" / "rung-1.json").read_text())
    best = ranked["tiers"]["small"][0]
    losses = []
    for number in plan.ladder.runs_of(best["entry"]):
        rows = plan.run(number).history.read_text().splitlines()
        header, first = rows[0].split(","), rows[1].split(",")
        losses.append(float(first[header.index("val_loss")]))
    assert best["score"] == pytest.approx(sum(losses) / 2, abs=1e-12)
    assert len(plan.ladder.slots(1)) == 4  # two entries, two folds each


def test_a_run_without_memory_in_the_largest_tier_ranks_last(
    halved: Path, made_clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # In a launch on one machine there is no larger one.
    plan = open_plan(read_grid(halved), made_clips, Workspace(tmp_path / "out"), load_site("local"))
    plan.save()
    whole = Trainer.train

    def train(trainer: Trainer, until: int | None = None) -> None:
        if trainer.config.settings()["lr"] == 0.05:
            raise MemoryError
        whole(trainer, until)

    monkeypatch.setattr(Trainer, "train", train)
    with owning(plan.workspace.lock("launch")):  # as a launch does, which then counts as at work
        outcomes = list(run_stages(plan, remaining(plan), "debug", None, lambda work: None))
    failed = [each for each in outcomes if getattr(each, "failure", "skipped")]
    assert [each.work.name for each in failed] == ["train"]
    assert standing(plan.workspace.root)["a"] == 1
    lines = json.loads(plan.workspace.rung(1).read_text())["tiers"]["small"]
    assert {line["failed"] for line in lines[-2:] if line["name"] == "a"} == {
        "out of memory in the largest tier"
    }
    assert plan.workspace.submission.exists()
    assert not any(work.items for work in remaining(plan))  # it is not tried again and again
    # While the rung is open, status must not show it as a run that is done.
    plan.workspace.rung(1).unlink()
    (number,) = (k for k, run in enumerate(plan.plan.runs) if run.name == "a")
    said = TRAIN.progress(replace(plan), number, running=False)
    assert said == "out of memory in the largest tier: it will rank last"


def test_by_hand_refuses_what_tasks_cannot_wait_for(
    halved: Path, made_clips: Path, tmp_path: Path
) -> None:
    done = command("by_hand", "train", "--grid", halved, "--data", made_clips, "--out", tmp_path)
    assert done.returncode != 0
    assert "use python -m pipeline.launch" in done.stderr


@pytest.mark.parametrize(
    ("settings", "warned"),
    [
        (("schedule=onecycle", "halving_by=loss"), "`onecycle`, validation loss after 25%"),
        (("schedule=onecycle",), None),
        (("halving_from=0.125",), "`plateau`, validation accuracy after 12%"),
        ((), None),
    ],
)
def test_where_a_rung_says_little_of_the_end_launch_says_so(
    launch: Launch, halved: Path, made_clips: Path, tmp_path: Path,
    settings: tuple[str, ...], warned: str | None,
) -> None:  # fmt: skip
    options = [word for each in settings for word in ("--set", each)]
    where = ("--grid", halved, "--data", made_clips, "--out", tmp_path / "out", "--plan")
    done = launch(*where, *options, "--executor", "debug")
    assert done.returncode == 0, done.stderr
    assert ("predicts the final ranking poorly" in done.stdout) == (warned is not None)
    assert warned is None or warned in done.stdout
