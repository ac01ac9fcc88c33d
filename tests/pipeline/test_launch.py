"""The launch as a user sees it: in a process of its own, from MP3s to submission.csv."""

import csv
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from jobs.data.workspace import Workspace
from jobs.ownership import owning
from pipeline.executors.slurm_command import NO_CONFIGURATION
from tests.commands import Launch

Finished = Callable[[Path], None]


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def voters(out: Path) -> list[tuple[str, int]]:
    ensemble = json.loads((out / "ensemble.json").read_text())
    return [(voter["run"], voter["epoch"]) for voter in ensemble["voters"]]


@pytest.mark.parametrize("executor", ["debug", "local"])
def test_one_command_makes_the_same_submission_with_each_executor_and_again_does_nothing(
    launch: Launch,
    finished: Finished,
    made_clips: Path,
    tiny_grid: Path,
    out: Path,
    tmp_path: Path,
    executor: str,
) -> None:
    command = ("--grid", tiny_grid, "--data", made_clips, "--out", out, "--executor", executor)
    first = launch(*command, fresh=True)
    assert first.returncode == 0, first.stdout + first.stderr
    submission = rows(out / "submission.csv")
    assert [row["id"] for row in submission] == [str(i) for i in range(12)]
    assert {row["category"] for row in submission} <= {"0", "1", "2", "3"}
    assert len(voters(out)) == 5
    # The voters, the classes, and beside them id, category, agreement, confidence.
    assert len(rows(out / "votes.csv")[0]) == 5 + 4 + 4
    assert (out / "logs").stat().st_mode & 0o077 == 0
    again = launch(*command)
    assert again.returncode == 0
    assert "Nothing to do" in again.stdout
    finished(tmp_path / "before")  # by another launch, with the debug executor
    for name in ("submission.csv", "votes.csv"):
        assert (out / name).read_bytes() == (tmp_path / "before" / name).read_bytes()


def test_bad_clips_are_left_out_named_and_stop_nothing(
    launch: Launch, own_clips: Path, tiny_grid: Path, out: Path
) -> None:
    (own_clips / "train_mp3s" / "4.mp3").write_bytes(b"")
    (own_clips / "test_mp3s" / "7.mp3").write_text("no audio\n")
    done = launch("--grid", tiny_grid, "--data", own_clips, "--out", out, "--executor", "debug")
    assert done.returncode == 0, done.stdout + done.stderr
    assert [(r["subset"], r["id"]) for r in rows(out / "quarantine.csv")] == [
        ("labelled", "4"),
        ("test", "7"),
    ]
    assert rows(out / "submission.csv")[7] == {"id": "7", "category": "3"}  # the majority class
    assert "1 test clip cannot be read" in done.stdout
    assert "train_mp3s/4.mp3" in done.stdout


def test_a_failed_run_is_named_and_the_rest_votes_and_a_relaunch_mends_it(
    launch: Launch, finished: Finished, made_clips: Path, tiny_grid: Path, out: Path
) -> None:
    command = ("--grid", tiny_grid, "--data", made_clips, "--out", out, "--executor", "debug")
    finished(out)
    plan = json.loads((out / "launch" / "plan.json").read_text())
    broken = out / "runs" / plan["runs"][1]["signature"]
    (broken / "done.json").unlink()
    (broken / "history.csv").unlink()
    (broken / "history.csv").mkdir()  # so that this run cannot write its history
    failed = launch(*command)
    assert failed.returncode == 1
    assert "stage train, run 'momentum=0.5'" in failed.stderr
    assert "log: " in failed.stdout
    log = Path(failed.stdout.split("log: ")[1].split()[0])
    assert "Traceback" in log.read_text()
    assert {run for run, _ in voters(out)} == {"momentum=0.9"}
    assert "run 'momentum=0.5' did not vote" in failed.stdout
    (broken / "history.csv").rmdir()
    assert launch(*command).returncode == 0
    assert {run for run, _ in voters(out)} == {"momentum=0.9", "momentum=0.5"}


def test_new_settings_make_new_features_and_new_runs_beside_the_old(
    launch: Launch, finished: Finished, made_clips: Path, tiny_grid: Path, out: Path
) -> None:
    command = ("--grid", tiny_grid, "--data", made_clips, "--out", out, "--executor", "debug")
    finished(out)
    changed = launch(*command, "--set", "n_mels=20")
    assert changed.returncode == 0
    assert "extract  0 of 2 done" in changed.stdout
    assert len(list((out / "features").iterdir())) == 4
    assert len(list((out / "runs").iterdir())) == 4
    back = launch(*command)
    assert "train    2 of 2 done" in back.stdout
    assert "vote     0 of 1 done" in back.stdout  # the vote was over the other runs


def test_when_the_index_fails_later_stages_are_not_started(
    launch: Launch, own_clips: Path, tiny_grid: Path, out: Path
) -> None:
    labels = (own_clips / "train_label.txt").read_text().split()
    for number in (n for n, label in enumerate(labels) if label == "0"):
        (own_clips / "train_mp3s" / f"{number}.mp3").write_bytes(b"")
    failed = launch("--grid", tiny_grid, "--data", own_clips, "--out", out, "--executor", "debug")
    assert failed.returncode == 1
    assert "no clip of class '0' can be decoded" in failed.stderr
    assert "stage train is not started: stage index failed" in failed.stderr
    assert "stage vote is not started: stage predict was not started" in failed.stderr
    assert not (out / "runs").exists()
    assert not (out / "submission.csv").exists()


def test_two_launches_of_one_output_do_not_mix(
    launch: Launch, made_clips: Path, tiny_grid: Path, out: Path
) -> None:
    Workspace(out).prepare()
    with owning(Workspace(out).lock("launch")):
        refused = launch(
            "--grid", tiny_grid, "--data", made_clips, "--out", out, "--executor", "debug"
        )
    assert refused.returncode == 2
    assert f"is in use by process {os.getpid()}" in refused.stderr


def test_no_test_clips_make_an_ensemble_but_no_submission(
    launch: Launch, own_clips: Path, tiny_grid: Path, out: Path
) -> None:
    command = ("--grid", tiny_grid, "--data", own_clips, "--out", out, "--set", "epochs=1")
    assert launch(*command, "--executor", "debug").returncode == 0
    assert (out / "submission.csv").exists()
    for path in (own_clips / "test_mp3s").iterdir():
        path.unlink()
    done = launch(*command, "--executor", "debug")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "no test clips, so no submission.csv" in done.stdout
    assert voters(out)
    assert not (out / "submission.csv").exists()  # the one of former test clips is gone
    assert "Nothing to do" in launch(*command, "--executor", "debug").stdout


@pytest.mark.parametrize("out_name", ["file/out", "/proc/out"])
def test_an_output_folder_that_cannot_be_written_is_refused_first(
    launch: Launch, made_clips: Path, tiny_grid: Path, tmp_path: Path, out_name: str
) -> None:
    (tmp_path / "file").touch()
    common = ("--grid", tiny_grid, "--data", made_clips, "--executor", "debug")
    refused = launch(*common, "--out", tmp_path / out_name)
    assert refused.returncode == 2
    assert "cannot be written" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_grid_with_a_typo_says_so_in_one_line(
    launch: Launch, made_clips: Path, tiny_grid: Path, out: Path
) -> None:
    tiny_grid.write_text("epochz: 3\n")
    common = ("--grid", tiny_grid, "--data", made_clips, "--executor", "debug")
    refused = launch(*common, "--out", out)
    assert refused.returncode == 2
    assert "tiny.yaml:1: `epochz` is not a setting; did you mean `epochs`?" in refused.stderr
    assert len(refused.stderr.strip().splitlines()) == 1
    assert not out.exists()


def test_a_cluster_whose_controller_is_silent_is_not_worked_on_by_itself(
    launch: Launch, made_clips: Path, tiny_grid: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bin_folder = out.parent / "bin"
    bin_folder.mkdir()
    for name in ("sbatch", "scontrol"):
        (bin_folder / name).write_text("#!/bin/sh\necho no controller >&2; exit 1\n")
        (bin_folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{bin_folder}:{os.environ['PATH']}")
    monkeypatch.delenv("SLURM_CONF", raising=False)
    command = ("--grid", tiny_grid, "--data", made_clips, "--out", out, "--set", "epochs=1")
    refused = launch(*command)
    assert refused.returncode == 2
    assert "no Slurm controller answers" in refused.stderr
    without = f"echo 'scontrol: fatal: {NO_CONFIGURATION}' >&2; exit 1"
    (bin_folder / "scontrol").write_text(f"#!/bin/sh\n{without}\n")
    assert launch(*command).returncode == 0  # only the packages are here
