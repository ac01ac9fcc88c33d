"""Faults between the user and Slurm: commands that are silent or refuse, wrappers, late files."""

import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.faults import Fault, Round
from tests.slurm.cluster import ROOT

SLURMS = ("scontrol", "squeue", "sbatch", "srun", "scancel", "sacct")
LATE_FOR_S = 8.0


@contextmanager
def commands_that(script: str, *names: str) -> Iterator[Path]:
    """Yield a folder with commands of these names that all do the same."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        for name in names:
            path = Path(folder) / name
            path.write_text(f"#!/bin/sh\n{script}\n")
            path.chmod(0o755)
        yield Path(folder)


def pipeline(this: Round, folder: Path, command: str) -> "subprocess.CompletedProcess[str]":
    """Run a command of ours with such a folder in front of PATH."""
    environment = this.cluster.environment
    return subprocess.run(
        [sys.executable, "-m", f"pipeline.{command}", str(this.cluster.out)],
        env=environment | {"PATH": f"{folder}:{environment['PATH']}"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def squeue_silent(this: Round) -> None:
    """Status must call no run failed because squeue and sacct say nothing."""
    if this.wait_for_job():
        failed = this.count_failed()
        with commands_that("sleep 1; exit 1", "squeue", "sacct") as folder:
            shown = pipeline(this, folder, "status")
        assert shown.returncode == 0, shown.stderr
        assert f"{failed + 1} failed" not in shown.stdout, shown.stdout


def scancel_refused(this: Round) -> None:
    """A cancel that ended nothing must say so."""
    if this.wait_for_job():
        with commands_that("exit 0", "scancel") as folder:
            said = pipeline(this, folder, "cancel")
        assert said.returncode != 0 or "0 jobs" in said.stdout, said.stdout
        assert "not cancelled" in said.stderr or "0 jobs" in said.stdout, said.stderr


def file_late(this: Round) -> None:
    """Hide what an earlier stage wrote for some seconds, as a network file system may."""
    found: list[Path] = []
    waiting_until = time.monotonic() + 40
    while not found and time.monotonic() < waiting_until:
        found = sorted(this.cluster.out.glob("features/*/index.h5"))
        time.sleep(0.1)
    if found:
        path = this.rng.choice(found)
        hidden = path.with_name(".late")
        path.rename(hidden)
        time.sleep(LATE_FOR_S)
        if path.exists():  # somebody made it anew
            hidden.unlink()
        else:
            hidden.rename(path)


def in_a_container(this: Round) -> None:
    """Run Python where Slurm's commands are not."""
    folder = this.cluster.out.parent / f"hidden-{this.cluster.out.name}"
    folder.mkdir()
    for name in SLURMS:
        (folder / name).write_text("#!/bin/sh\nexit 127\n")
        (folder / name).chmod(0o755)
    wrapper = folder / "wrapper.sh"
    path, python = shlex.quote(str(folder)), shlex.quote(sys.executable)
    wrapper.write_text(f'#!/bin/bash\nexport PATH={path}:$PATH\nexec {python} "$@"\n')
    this.options += ["--site-set", f"python=bash {wrapper}"]


def warned(this: Round) -> None:
    """Warn a job as before its time limit."""
    if job := this.wait_for_job():
        this.cluster.command("scancel", "--signal=USR2", job)


def canary_fails(this: Round) -> None:
    """A canary with a typo cancels all; the launch after it must not be disturbed."""
    typo = ["--canary", "--site-set", 'setup=["exit 3"]']
    done = this.cluster.launch(*this.arguments, *typo)
    assert done.returncode == 0, done.stdout + done.stderr
    this.cluster.drain(120)
    assert not (this.cluster.out / "submission.csv").exists()


FAULTS: dict[str, Fault] = {
    "squeue silent": Fault(squeue_silent),
    "scancel refused": Fault(scancel_refused),
    "file late": Fault(file_late),
    "warning in a container": Fault(warned, before=in_a_container),
    "canary failing": Fault(before=canary_fails),
}
