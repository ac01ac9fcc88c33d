"""The last stage says what a test should give, and whoever votes again is told what that costs."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jobs.data.synthetic import MadeClips, write_clips
from jobs.vote.estimate.artefact import Estimate, Warned
from tests.commands import Launch, command


@pytest.fixture
def out(finished: Callable[[Path], None], tmp_path: Path) -> Path:
    """A finished output of two runs, validated on eight clips."""
    finished(tmp_path / "out")
    return tmp_path / "out"


def estimate(out: Path) -> dict[str, Any]:
    shown = command("estimate", out, "--json", fresh=True)
    assert shown.returncode == 0, shown.stderr
    found: dict[str, Any] = json.loads(shown.stdout)
    return found


def test_a_finished_launch_has_an_estimate_and_status_says_it(out: Path) -> None:
    found = estimate(out)
    assert found == json.loads((out / "estimate.json").read_text())
    chosen = found["chosen"]
    assert chosen["rule"] == "best-5-hard"
    assert 0 <= chosen["low"] <= chosen["corrected"] <= chosen["high"] <= 1
    assert [rule["rule"] for rule in found["rules"]][-1] == "single-best"
    assert found["validation"] == {"clips": 8, "groups": 8}
    assert found["test"] == {"clips": 12, "groups": 12}
    assert "plateau" in " ".join(found["assumed"])
    assert {w["kind"] for w in found["warnings"]} >= {"cannot-be-told-apart"}
    assert (out / "labels_to_check.csv").read_text().startswith("id,path,label,looks_like,")
    for shown in (command("status", out), command("estimate", out)):
        assert "a test of 12 clips like these should give" in shown.stdout
        assert "their order is mostly luck" in shown.stdout


def test_a_range_that_something_makes_worthless_says_so_itself(out: Path) -> None:
    found = Estimate.load(out / "estimate.json")
    assert found is not None
    kinds = ("copies-in-validation", "test-unlike-training", "few-groups")
    warned = [Warned(kind=kind, sentence="because", evidence={}) for kind in kinds]
    assert "do not rely" not in found.model_copy(update={"warnings": warned[2:]}).sentence
    assert found.model_copy(update={"warnings": warned}).sentence.endswith(
        " %; do not rely on this range: validation has copies of training clips, and this test "
        "differs from training"
    )


def test_copies_that_its_features_do_not_show_are_taken_for_granted(
    launch: Launch, made_clips: Path, tmp_path: Path
) -> None:
    """Of v3 there is one row a clip: nothing in it tells a re-encoded copy from a like sound."""
    found = {}
    for name, grid in (
        ("blind", "model: logistic\nfeatures: v3\n"),
        ("seeing", "depth: 8\nepochs: 1\n"),
    ):
        (tmp_path / f"{name}.yaml").write_text(grid)
        where = ("--data", made_clips, "--out", tmp_path / name, "--executor", "debug")
        assert launch("--grid", tmp_path / f"{name}.yaml", *where).returncode == 0
        found[name] = " ".join(estimate(tmp_path / name)["assumed"])
    sentence = "no clip is a changed copy or an overlapping cut of another one"
    assert sentence in found["blind"]
    assert sentence not in found["seeing"]


def test_who_votes_again_is_told_what_choosing_gives_and_the_first_result_keeps_its_estimate(
    launch: Launch, tiny_grid: Path, tmp_path: Path
) -> None:
    write_clips(tmp_path / "data", MadeClips(train=120, test=12, seconds=0.5))
    out = tmp_path / "out"
    launched = launch(
        "--grid", tiny_grid, "--data", tmp_path / "data", "--out", out, "--executor", "debug",
        "--set", "epochs=6",
    )  # fmt: skip
    assert launched.returncode == 0, launched.stderr
    before = estimate(out)
    again = command("vote", out, "--choose", "greedy", "--combine", "soft")
    assert "this output was voted by 2 rules; if you pick" in again.stdout
    # A rule that is not among those which are always shown; and one run alone, which is no rule.
    assert command("vote", out, "--choose", "best", "--votes", "3").returncode == 0
    alone = command("vote", out, "--run", "momentum=0.5")
    assert alone.returncode == 0
    # The estimate of all runs says nothing of one.
    assert "no estimate is made of one run alone" in alone.stdout
    assert "a test of 12 clips" not in alone.stdout
    after = estimate(out)
    voted = [found["inputs"]["also_voted"] for found in (before, after)]
    assert voted == [[], ["best-3-hard", "greedy-soft"]]
    # submission.csv is what it was, and so is what it should give.
    assert after["chosen"] == before["chosen"]
    assert before["best_looking"] is None
    rows = {row["rule"]: row for row in after["rules"]}
    seen = [rows[name] for name in ("best-5-hard", "best-3-hard", "greedy-soft")]
    best = after["best_looking"]
    assert best["naive"] == max(row["naive"] for row in seen)
    assert best["naive"] == rows[best["rule"]]["naive"]
    status = json.loads(command("status", out, "--json").stdout)
    assert status["estimate"] == after
    others = [{r["rule"]: r for r in found["rules"][1:]} for found in (before, after)]
    assert others[1].pop("best-3-hard")["votes"] == 3
    assert others[0] == others[1]


def test_a_lost_estimate_alone_is_made_again_with_the_same_bytes(
    launch: Launch, out: Path, tiny_grid: Path, made_clips: Path
) -> None:
    before = (out / "estimate.json").read_bytes()
    (out / "estimate.json").unlink()
    again = launch(
        "--grid", tiny_grid, "--data", made_clips, "--out", out, "--executor", "debug"
    )  # fmt: skip
    assert again.returncode == 0, again.stderr
    assert (out / "estimate.json").read_bytes() == before
    assert "epoch 1/" not in again.stdout


def test_an_estimate_outlives_the_features(out: Path) -> None:
    shutil.rmtree(out / "features")
    for shown in (command("status", out), command("estimate", out)):
        assert shown.returncode == 0, shown.stderr
        assert "a test of 12 clips like these should give" in shown.stdout


def test_without_a_vote_there_is_no_estimate_and_that_is_said(out: Path) -> None:
    for done in out.glob("runs/*/done.json"):
        done.unlink()
    refused = command("estimate", out)
    assert refused.returncode == 2
    assert "no run has a checkpoint" in refused.stderr


def test_clips_held_out_are_scored_and_who_looks_twice_is_told(
    launch: Launch, tiny_grid: Path, tmp_path: Path
) -> None:
    write_clips(tmp_path / "data", MadeClips(train=80, test=4, seconds=0.5))
    out = tmp_path / "out"
    arguments = ("--grid", tiny_grid, "--data", tmp_path / "data", "--out", out)
    settings = ("--executor", "debug", "--set", "holdout=0.2", "--set", "epochs=2")
    first = launch(*arguments, *settings)
    assert first.returncode == 0, first.stderr
    assert "16 clips (20.0%) held out" in first.stdout
    assert "the result is scored on them once" in first.stdout
    held_out = estimate(out)["holdout"]
    assert (held_out["clips"], held_out["results_scored"]) == (16, 1)
    assert held_out["low"] <= held_out["accuracy"] <= held_out["high"]
    assert "on the 16 clips held out the result scores" in first.stdout
    assert "blind" not in first.stdout
    # Nobody has validated on them, and every checkpoint has predicted them.
    (split,) = (out / "splits").glob("*.csv")
    ids = {line.split(",")[0] for line in split.read_text().splitlines() if "holdout" in line}
    assert len(ids) == 16
    for run in (out / "runs").iterdir():
        validated = json.loads((run / "validation.bin").read_bytes().split(b"\n")[0])["ids"]
        assert len(validated) == 13
        predicted = list((run / "predictions").glob("holdout-epoch-*.npz"))
        assert len(predicted) == len(list((run / "predictions").glob("test-epoch-*.npz")))
    # The same result again is no second look; another one is.
    (out / "estimate.json").unlink()
    assert launch(*arguments, *settings).returncode == 0
    assert estimate(out)["holdout"] == held_out
    second = launch(*arguments, *settings, "--set", "lr=0.001")
    assert second.returncode == 0, second.stderr
    assert "1 result of this output was scored on them before" in second.stdout
    assert estimate(out)["holdout"]["results_scored"] == 2
    report = json.loads((out / "report.json").read_text())
    assert estimate(out)["holdout"]["accuracy"] >= 0
    assert any(
        "on the 16 clips held out the result scores" in each for each in report["results"]["beside"]
    )
    assert "2 results have been scored on them, so they are no longer a blind test" in second.stdout
