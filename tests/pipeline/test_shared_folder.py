"""An output in a folder that a group shares: a colleague may read some of it, and write nothing."""

import json
import os
import pickle
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jobs.data.workspace import Workspace
from tests.commands import ROOT, Launch, command

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0, reason="NOT RUN: needs root, to be two users on one machine"
)
COLLEAGUE, GROUP = 40_001, 40_000


@pytest.fixture
def group_folder() -> Iterator[Path]:
    """A project's folder: setgid, its group may write, and so may whoever has umask 002."""
    folder = Path(tempfile.mkdtemp(prefix="clip-group-"))  # pytest's own folders admit nobody else
    os.chown(folder, 0, GROUP)
    folder.chmod(0o2775)
    before = os.umask(0o002)
    yield folder
    os.umask(before)
    shutil.rmtree(folder)


def as_colleague(command: str, folder: Path) -> int:
    """Run a shell command as another user of the group; return its exit code."""
    done = subprocess.run(
        ["sh", "-c", command], cwd=folder, user=COLLEAGUE, group=GROUP, extra_groups=[],
        capture_output=True, umask=0o002,
    )  # fmt: skip
    return done.returncode


@pytest.fixture
def launched(group_folder: Path, launch: Launch, tiny_grid: Path, made_clips: Path) -> Workspace:
    """A finished output in the project's folder."""
    done = launch(
        "--grid", tiny_grid, "--data", made_clips, "--out", group_folder / "out",
        "--executor", "debug", "--set", "epochs=1",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return Workspace(group_folder / "out")


def test_a_colleague_reads_results_and_changes_nothing(launched: Workspace) -> None:
    out = launched.root
    for readable in ("submission.csv", "votes.csv", "runs/*/history.csv", "features/*/*.h5"):
        assert as_colleague(f"cat {readable} > /dev/null", out) == 0, readable
    for closed in ("launch/plan.json", "logs/train-00000.log"):
        assert as_colleague(f"cat {closed}", out) != 0, closed
    names = ["submission.csv", "launch", "logs", "runs", "features", "splits"]
    names += [str(path.relative_to(out)) for path in out.glob("runs/*/*")]
    for name in names:
        assert as_colleague(f"mv {name} {name}-moved", out) != 0, name
        assert as_colleague(f"test -w {name}", out) != 0, name
    assert as_colleague("touch planted", out) != 0


def test_who_shall_read_results_is_a_setting(
    group_folder: Path, launch: Launch, tiny_grid: Path, made_clips: Path
) -> None:
    common = ("--grid", tiny_grid, "--data", made_clips, "--executor", "debug", "--set", "epochs=1")
    for readers, mode in (("owner", 0), ("group", 0o40), ("all", 0o44)):
        out = group_folder / readers
        done = launch(*common, "--out", out, "--site-set", f"readers={readers}")
        assert done.returncode == 0, done.stderr
        files = [path for path in out.rglob("*") if path.is_file()]
        shown = [path for path in files if path.parent.name not in ("launch", "logs")]
        modes = {path: path.stat().st_mode & 0o077 for path in shown if "submitit" not in str(path)}
        assert set(modes.values()) == {mode}, modes


def test_an_output_that_a_colleague_put_in_place_of_ours_is_refused(launched: Workspace) -> None:
    folder = launched.root.parent
    assert as_colleague("mv out moved && cp -r moved/runs out && mkdir out/launch", folder) == 0
    refused = command("status", launched.root)
    assert refused.returncode == 2, refused.stdout
    assert f"user {COLLEAGUE}" in refused.stderr.replace("\n", " ")


def test_two_users_do_not_work_in_one_output(
    group_folder: Path, launch: Launch, tiny_grid: Path, made_clips: Path
) -> None:
    assert as_colleague("mkdir -p out/launch out/logs", group_folder) == 0
    refused = launch(
        "--grid", tiny_grid, "--data", made_clips, "--out", group_folder / "out",
        "--executor", "debug",
    )  # fmt: skip
    assert refused.returncode == 2
    assert "Each user needs an --out of their own" in refused.stderr.replace("\n", " ")


class Trap:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, sprung: Path):
        self.sprung = sprung

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return Path.touch, (self.sprung,)


def test_a_job_runs_no_pickle_that_a_colleague_planted(group_folder: Path) -> None:
    jobs, sprung = group_folder / "submitit", group_folder / "sprung"
    jobs.mkdir()
    planted = jobs / "77_submitted.pkl"
    planted.write_bytes(pickle.dumps(Trap(sprung)))
    os.chown(planted, COLLEAGUE, GROUP)
    environment = {"SLURM_JOB_ID": "77", "SUBMITIT_EXECUTOR": "slurm", "SLURM_NTASKS": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "pipeline.executors.entry", str(jobs)],
        cwd=ROOT, capture_output=True, text=True, env=os.environ | environment,
    )  # fmt: skip
    assert not sprung.exists()
    assert done.returncode == 1
    assert f"{planted} was written by user {COLLEAGUE}" in done.stderr
    os.chown(planted, 0, 0)
    planted.chmod(0o600)
    subprocess.run(
        [sys.executable, "-m", "pipeline.executors.entry", str(jobs)],
        cwd=ROOT, capture_output=True, env=os.environ | environment,
    )  # fmt: skip
    assert sprung.exists()  # so the trap is one


@pytest.mark.parametrize("field", ["signature", "split_fingerprint", "labelled_fingerprint"])
def test_a_name_in_a_plan_that_leads_out_of_the_output_is_refused(
    launched: Workspace, field: str
) -> None:
    elsewhere = launched.root.parent / "elsewhere"
    elsewhere.mkdir()
    plan = json.loads(launched.plan.read_text())
    place = plan["runs"][0] if field == "signature" else plan
    place[field] = "../../elsewhere"
    launched.plan.write_text(json.dumps(plan))
    refused = command("status", launched.root)
    assert refused.returncode == 2
    assert "../../elsewhere" in refused.stderr.replace("\n", "")
    assert not list(elsewhere.iterdir())
