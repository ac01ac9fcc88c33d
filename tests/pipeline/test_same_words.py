"""A failure has the same words in every executor: its own, memory that ran out, a kill."""

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from jobs.data.workspace import Workspace
from pipeline.monitoring.failure_note import HOST_MEMORY, KILLED
from pipeline.monitoring.overview import overview
from pipeline.planning.grid import read_grid
from pipeline.planning.opening import open_plan
from pipeline.planning.plan import OpenedPlan
from pipeline.planning.site import load_site
from tests.commands import Started, command

EXECUTORS = ("debug", "local", "by hand")


@pytest.fixture
def opened(
    finished: Callable[[Path], None], tiny_grid: Path, made_clips: Path, tmp_path: Path
) -> OpenedPlan:
    """An output whose features are there, and whose runs are long."""
    out = tmp_path / "out"
    finished(out)
    tiny_grid.write_text(tiny_grid.read_text().replace("epochs: 3", "epochs: 400"))
    grid = read_grid(tiny_grid)
    plan = open_plan(grid, made_clips, Workspace(out), load_site("local"))
    plan.save()
    return plan


def words(executor: str, grid: Path, opened: OpenedPlan) -> list[str]:
    common = ["--grid", str(grid), "--data", opened.plan.data, "--out", str(opened.workspace.root)]
    if executor == "by hand":
        return ["by_hand", "train", *common]
    return ["launch", *common, "--executor", executor]


def reason_of(opened: OpenedPlan, run: int) -> str:
    """Return what status says of a run."""
    items = [item for item in overview(opened).items if item.stage == "train"]
    assert items[run].state == "failed"
    return items[run].detail


@pytest.mark.parametrize("executor", EXECUTORS)
def test_an_exception(opened: OpenedPlan, tiny_grid: Path, executor: str) -> None:
    tiny_grid.write_text(tiny_grid.read_text().replace("epochs: 400", "epochs: 2"))
    short = open_plan(
        read_grid(tiny_grid), Path(opened.plan.data), opened.workspace, load_site("local")
    )
    obstacle = short.run(1).history
    obstacle.mkdir(parents=True)
    done = command(*words(executor, tiny_grid, short))
    assert done.returncode == 1
    reason = reason_of(short, 1)
    assert reason == f"IsADirectoryError: [Errno 21] Is a directory: '{obstacle}'" or (
        str(obstacle) in reason and reason in done.stderr
    )
    assert f"stage train, run 'momentum=0.5' ({short.plan.runs[1].signature}): {reason}" in (
        done.stderr
    )


@pytest.mark.parametrize("executor", EXECUTORS)
def test_memory_that_ran_out(
    opened: OpenedPlan, tiny_grid: Path, tmp_path: Path, executor: str
) -> None:
    # As numpy and Python say it, raised where the run begins.
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "sitecustomize.py").write_text(
        "import importlib.abc, sys\n"
        "class Finder(importlib.abc.MetaPathFinder):\n"
        "    def find_spec(self, name, path, target=None):\n"
        "        if name == 'jobs.train.training': raise MemoryError('no more')\n"
        "sys.meta_path.insert(0, Finder())\n"
    )
    environment = os.environ | {"PYTHONPATH": str(broken)}
    done = command(*words(executor, tiny_grid, opened), env=environment, fresh=True)
    assert done.returncode == 1
    assert reason_of(opened, 0) == reason_of(opened, 1) == HOST_MEMORY
    assert f"stage train, run 'momentum=0.9' ({opened.plan.runs[0].signature}): {HOST_MEMORY}" in (
        done.stderr
    )


@pytest.mark.parametrize("executor", EXECUTORS)
def test_a_kill(opened: OpenedPlan, tiny_grid: Path, executor: str) -> None:
    launched = Started(*words(executor, tiny_grid, opened))
    log = opened.workspace.log("train", 0)
    until = time.monotonic() + 60
    while not (log.exists() and "epoch 1/400" in log.read_text()):
        assert time.monotonic() < until
        time.sleep(0.05)
    if executor != "local":
        launched.kill()
        launched.communicate()
        assert reason_of(opened, 0) == KILLED
        return
    # Of the local executor each job is killed, and its launcher says so.
    jobs = f"pipeline.executors.entry {opened.workspace.root}"
    until = time.monotonic() + 120
    while launched.poll() is None:
        assert time.monotonic() < until
        subprocess.run(["pkill", "-KILL", "-f", jobs], check=False)
        time.sleep(0.1)
    _, stderr = launched.communicate()
    assert f"stage train, run 'momentum=0.9' ({opened.plan.runs[0].signature}): {KILLED}" in stderr
    assert reason_of(opened, 0) == KILLED
