"""Several runs in one job: the same bytes, one failing alone, none outliving the job."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from jobs.data.workspace import Workspace
from jobs.errors import InputError
from pipeline.executors.records import JobRecord
from pipeline.executors.sharing import grouped, run_sharing
from pipeline.monitoring.failure_note import KILLED, FailureNote
from pipeline.planning.grid import read_grid
from pipeline.planning.opening import open_plan
from pipeline.planning.plan import OpenedPlan
from pipeline.planning.site import load_site
from tests.commands import Launch


@pytest.fixture
def three_runs(tiny_grid: Path) -> Path:
    tiny_grid.write_text(tiny_grid.read_text().replace("[0.9, 0.5]", "[0.9, 0.5, 0.3]"))
    return tiny_grid


def opened(grid: Path, data: Path, out: Path) -> OpenedPlan:
    return open_plan(read_grid(grid), data, Workspace(out), load_site("local"))


def test_runs_that_share_a_job_give_the_same_bytes(
    launch: Launch, three_runs: Path, made_clips: Path, tmp_path: Path
) -> None:
    common = ("--grid", three_runs, "--data", made_clips)
    shared = ("--set", "runs_per_gpu=2")
    for name, arguments in {
        "alone": ("--executor", "debug"),
        "debug": ("--executor", "debug", *shared),
        "local": ("--executor", "local", *shared),
    }.items():
        done = launch(*common, "--out", tmp_path / name, *arguments, fresh=name == "alone")
        assert done.returncode == 0, done.stdout + done.stderr
    alone = tmp_path / "alone"
    weights = {p.relative_to(alone) for p in alone.glob("runs/*/checkpoints/*.pt")}
    assert len(weights) == 9
    for out in (tmp_path / "debug", tmp_path / "local"):
        for run in range(3):
            assert "ended: all 3 epochs done" in Workspace(out).log("train", run).read_text()
        for path in (Path("submission.csv"), *weights):
            assert (alone / path).read_bytes() == (out / path).read_bytes()


def test_one_of_them_fails_alone_and_is_named(
    launch: Launch, three_runs: Path, made_clips: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    plan = opened(three_runs, made_clips, out).plan
    broken = out / "runs" / plan.runs[1].signature
    (broken / "history.csv").mkdir(parents=True)
    command = ("--grid", three_runs, "--data", made_clips, "--out", out, "--executor", "debug")
    failed = launch(*command, "--set", "runs_per_gpu=3")
    assert failed.returncode == 1
    assert "stage train, run 'momentum=0.5'" in failed.stderr
    assert "history.csv" in failed.stderr
    assert failed.stderr.count("error:") == 1
    assert "train 0: " in failed.stdout  # whose line it is
    assert (out / "submission.csv").exists()
    (broken / "history.csv").rmdir()
    assert launch(*command, "--set", "runs_per_gpu=3").returncode == 0


@pytest.fixture
def prepared(
    finished: Callable[[Path], None], three_runs: Path, made_clips: Path, tmp_path: Path
) -> OpenedPlan:
    """An output whose features are there and whose runs would take minutes."""
    out = tmp_path / "out"
    finished(out)
    three_runs.write_text(three_runs.read_text().replace("epochs: 3", "epochs: 5000"))
    plan = opened(three_runs, made_clips, out)
    plan.save()
    return plan


def children(of: int) -> list[int]:
    listed = subprocess.run(
        ["ps", "--ppid", str(of), "-o", "pid="], capture_output=True, text=True, check=False
    )
    return [int(pid) for pid in listed.stdout.split()]


def wait_for(condition: Callable[[], object], seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.05)


def start(prepared: OpenedPlan) -> "subprocess.Popen[bytes]":
    program = (
        "import sys; from pipeline.executors.sharing import run_sharing\n"
        "run_sharing('train', sys.argv[1], [0, 1])"
    )
    command = [sys.executable, "-c", program, str(prepared.workspace.root)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    logs = [prepared.workspace.log("train", run) for run in (0, 1)]
    wait_for(lambda: all(log.exists() and "epoch 1/5000" in log.read_text() for log in logs))
    return process


def test_when_the_job_is_killed_its_runs_end_with_it(prepared: OpenedPlan) -> None:
    process = start(prepared)
    runs = children(process.pid)
    assert len(runs) == 2
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in runs), 10)


def test_a_run_killed_without_a_word_is_told_and_a_warning_of_slurm_ends_none(
    prepared: OpenedPlan,
) -> None:
    process = start(prepared)
    first, second = children(process.pid)
    for warning in (signal.SIGUSR2, signal.SIGTERM):
        os.kill(second, warning)
    time.sleep(0.5)
    assert len(children(process.pid)) == 2
    os.kill(first, signal.SIGKILL)
    os.kill(second, signal.SIGABRT)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 1
    assert b"2 of 2 items that shared this job failed" in stderr
    for run in (0, 1):
        note = FailureNote.load(prepared.workspace.failure("train", run))
        assert note is not None
        assert (note.kind, note.reason) == ("killed", KILLED)


def test_a_plan_that_cannot_be_read_fails_all_of_them(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="2 of 2 items that shared this job failed: train 0, 1"):
        run_sharing("train", str(tmp_path), [0, 1])
    for run in (0, 1):
        note = FailureNote.load(Workspace(tmp_path).failure("train", run))
        assert note is not None
        assert "has no plan of a launch" in note.reason


def test_groups_are_filled_in_order() -> None:
    assert grouped([4, 5, 7, 8, 9], 2) == [[4, 5], [7, 8], [9]]
    assert grouped([], 3) == []


def test_a_record_knows_which_task_does_which_run() -> None:
    fields = {"job": "7", "stage": "train", "tier": "small", "plan": "p", "submitted": 0}
    record = JobRecord(items=(3, 5, 6), per_job=2, **fields)
    assert record.jobs == {3: "7_0", 5: "7_0", 6: "7_1"}
    assert JobRecord(items=(3, 5), per_job=2, **fields).jobs == {3: "7", 5: "7"}  # no array
