"""Voting again: over a finished output by another rule, and over submission files."""

import csv
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.commands import ROOT, Done, Launch, command


def vote(*arguments: object, cwd: Path = ROOT, fresh: bool = False) -> Done:
    environment = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}
    return command("vote", *arguments, cwd=cwd, env=environment, fresh=fresh)


@pytest.fixture
def out(finished: Callable[[Path], None], tmp_path: Path) -> Path:
    """A finished output of two runs."""
    finished(tmp_path / "out")
    return tmp_path / "out"


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def trained(out: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in out.glob("runs/**/*") if path.is_file()}


def test_another_rule_votes_beside_the_grids_and_trains_nothing(out: Path) -> None:
    submission, before = (out / "submission.csv").read_bytes(), trained(out)
    for choose in ("best", "best-per-run", "greedy"):
        done = vote(out, "--choose", choose, "--combine", "soft")
        assert done.returncode == 0, done.stderr
        assert "voters, best first" in done.stdout
    folders = sorted(path.name for path in (out / "ensembles").iterdir())
    assert folders == ["best-5-soft", "best-per-run-5-1-soft", "greedy-soft"]
    for folder in folders:
        found = rows(out / "ensembles" / folder / "votes.csv")
        assert len(found) == 12
        for row in found:  # recomputed by hand
            means = {k[2:]: float(v) for k, v in row.items() if k.startswith("p_")}
            assert row["category"] == max(means, key=lambda label: means[label])
            assert sum(means.values()) == pytest.approx(1, abs=1e-6)
            assert 0 < float(row["confidence"]) <= 1
    of_two = rows(out / "ensembles" / "best-per-run-5-1-soft" / "votes.csv")[0]
    assert sum("epoch" in name for name in of_two) == 2
    assert (out / "submission.csv").read_bytes() == submission
    assert trained(out) == before
    again = vote(out, fresh=True)
    assert again.returncode == 0
    assert (out / "submission.csv").read_bytes() == submission


def test_the_hard_vote_is_recomputed_by_hand_from_the_table(out: Path) -> None:
    for row in rows(out / "votes.csv"):
        labels = [value for name, value in row.items() if "epoch" in name]
        counts = Counter(labels)
        most = max(counts.values())
        tied = [label for label in counts if counts[label] == most]
        winner = max(tied, key=lambda label: float(row[f"p_{label}"]))
        assert row["category"] == winner
        assert row["agreement"] == f"{most / len(labels):.3f}"


def test_one_run_alone_may_vote(out: Path) -> None:
    name = "momentum=0.5"
    done = vote(out, "--run", name)
    assert done.returncode == 0, done.stderr
    (folder,) = (out / "ensembles").iterdir()
    assert folder.name.startswith("best-5-hard-of-")
    header = rows(folder / "votes.csv")[0]
    assert all(name in column for column in header if "epoch" in column)
    refused = vote(out, "--run", "momentum=0.51")
    assert refused.returncode == 2
    assert "did you mean `momentum=0.5`?" in refused.stderr


def test_a_rule_that_does_not_exist_is_refused_with_the_nearest(out: Path) -> None:
    refused = vote(out, "--choose", "greedi")
    assert refused.returncode == 2
    assert "did you mean `greedy`?" in refused.stderr
    assert not (out / "ensembles").exists()


def test_votes_that_data_or_runs_left_behind_are_said_to_be_out_of_date(
    launch: Launch, out: Path, made_clips: Path, tiny_grid: Path
) -> None:
    assert vote(out, "--choose", "greedy").returncode == 0
    assert vote(out, "--run", "momentum=0.5").returncode == 0
    arguments = ("--grid", tiny_grid, "--data", made_clips, "--executor", "debug", "--out", out)
    said = "out of date: data or runs changed"
    assert said not in launch(*arguments).stdout
    # Both runs are others now.
    changed = launch(*arguments, "--set", "batch_size=4")
    assert changed.returncode == 0, changed.stderr
    assert changed.stdout.count(said) == 2
    back = launch(*arguments)
    assert said not in back.stdout


def test_a_vote_that_is_refused_leaves_no_folder(out: Path) -> None:
    for run in (out / "runs").iterdir():
        (run / "done.json").unlink()
    refused = vote(out, "--choose", "greedy")
    assert refused.returncode == 2
    assert "no run has a checkpoint" in refused.stderr
    assert not (out / "ensembles").exists()


def test_submission_files_vote_and_nothing_is_overwritten(out: Path, tmp_path: Path) -> None:
    files = sorted(out.glob("runs/*/predictions/test-epoch-*.csv"))[:3]
    done = vote(*files, "--out", tmp_path / "voted.csv")
    assert done.returncode == 0, done.stderr
    assert len(rows(tmp_path / "voted.csv")) == 12
    table = rows(tmp_path / "voted-votes.csv")
    assert list(table[0]) == ["id", "category", "agreement", *map(str, files)]
    again = vote(*files, "--out", tmp_path / "voted.csv")
    assert again.returncode == 2
    assert "is there already" in again.stderr
    for refused in ((files[0],), (files[0], files[0]), (out, out), (out, "--out", "x.csv")):
        assert vote(*refused).returncode == 2, refused
    assert vote(*files, "--choose", "best").returncode == 2
    for name in ("Finch", "finch"):
        (tmp_path / f"{name}.csv").write_text(f"id,category\n1,{name}\n")
    two = [tmp_path / "Finch.csv", tmp_path / "finch.csv"]
    assert "letter case alone" in vote(*two, "--out", tmp_path / "f.csv").stdout


def test_a_greedy_grid_writes_the_same_bytes_again(
    launch: Launch, out: Path, made_clips: Path, tiny_grid: Path
) -> None:
    arguments = ("--grid", tiny_grid, "--data", made_clips, "--executor", "debug", "--out", out)
    before = {name: (out / name).read_bytes()
              for name in ("submission.csv", "votes.csv", "ensemble.json")}  # fmt: skip
    changed = launch(*arguments, "--set", "choose=greedy", "--set", "combine=soft")
    assert changed.returncode == 0, changed.stderr
    # What the rule before it gave is kept, and counts as seen.
    kept = {p.name: p.read_bytes() for p in (out / "ensembles" / "best-5-hard").iterdir()}
    assert kept == before
    estimate = json.loads((out / "estimate.json").read_text())
    assert estimate["inputs"]["also_voted"] == ["best-5-hard"]
    results = [out / "submission.csv", out / "votes.csv"]
    first = [path.read_bytes() for path in results]
    results[1].unlink()
    again = launch(*arguments, "--set", "choose=greedy", "--set", "combine=soft")
    assert again.returncode == 0, again.stderr
    assert [path.read_bytes() for path in results] == first
