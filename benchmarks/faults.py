"""The faults that the chaos benchmark gives: what clusters do to jobs."""

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.slurm.cluster import ROOT, Cluster

TINY = (
    "tiers=[{name: small, mem_gb: 0.15, timeout_min: 9}, {name: large, mem_gb: 3, timeout_min: 9}]"
)
DISK_MB = 40


@dataclass
class Round:
    """One launch under faults."""

    cluster: Cluster
    data: Path
    grid: Path
    rng: random.Random
    options: list[str] = field(default_factory=list)
    mounted: bool = False

    @property
    def arguments(self) -> list[object]:
        return ["--grid", self.grid, "--data", self.data, *self.options]

    def launch(self, retry_oom: bool = False) -> None:
        extra = ["--retry-oom"] if retry_oom else []
        done = self.cluster.launch(*self.arguments, *extra)
        assert done.returncode == 0, done.stdout + done.stderr

    def is_complete(self) -> bool:
        return all(item["state"] == "done" for item in self.cluster.status()["items"])

    def count_failed(self) -> int:
        return sum(item["state"] == "failed" for item in self.cluster.status()["items"])

    def wait_for_job(self) -> str | None:
        """Return a running job, most often one that trains, or None if there was none for long."""
        deadline = time.monotonic() + 40
        part = "train" if self.rng.random() < 0.8 else ""
        while time.monotonic() < deadline:
            jobs = self.cluster.running(part)
            if jobs:
                time.sleep(self.rng.uniform(0, 8))  # it may be importing, or in mid-epoch
                return self.rng.choice(jobs)
            if not self.cluster.queue():
                return None
            time.sleep(0.3)
        return None

    def remove(self) -> None:
        """Take the round's own disk away."""
        if self.mounted:
            self.cluster.command("umount", "--lazy", self.cluster.out)

    def training_logs(self) -> list[str]:
        return [path.read_text() for path in (self.cluster.out / "logs").glob("train-*.log")]

    def trained_twice(self) -> list[str]:
        ended = [text.count(" ended: ") for text in self.training_logs()]
        return [f"a run was trained to its end {n} times" for n in ended if n > 1]

    def epochs_repeated(self) -> int:
        repeated = 0
        for text in self.training_logs():
            epochs = re.findall(r" epoch (\d+)/", text)
            repeated += len(epochs) - len(set(epochs))
        return repeated


def nothing(_: Round) -> None:
    """Do nothing at this moment."""


@dataclass(frozen=True)
class Fault:
    """What is done before the launch, while it works, and afterwards."""

    during: Callable[[Round], None] = nothing
    before: Callable[[Round], None] = nothing
    after: Callable[[Round], None] = nothing


def requeue(this: Round) -> None:
    if job := this.wait_for_job():
        this.cluster.command("scontrol", "requeue", job)


def preempt(this: Round) -> None:
    if this.wait_for_job():
        this.cluster.preempt()


def warn_before_preempting(this: Round) -> None:
    this.options += ["--site-set", "partition=warned"]


def kill_task(this: Round) -> None:
    if this.wait_for_job():
        found = this.cluster.command("pgrep", "-f", "pipeline.executors.entry").stdout.split()
        if found:
            with_pid(int(this.rng.choice(found)), signal.SIGKILL)


def with_pid(pid: int, sent: signal.Signals) -> None:
    try:
        os.kill(pid, sent)
    except ProcessLookupError:
        return


def lose_node(this: Round) -> None:
    job = this.wait_for_job()
    if job and (node := this.cluster.lose_node_of(job)):
        time.sleep(12)  # SlurmdTimeout is 10 s
        this.cluster.testbed.start_node(node)


def lower_time_limit(this: Round) -> None:
    """Let a job run into its limit: one minute is the smallest that Slurm knows."""
    if job := this.wait_for_job():
        this.cluster.command("scontrol", "update", f"jobid={job}", "timelimit=1")


def too_little_memory(this: Round) -> None:
    this.options += ["--site-set", TINY]


def launcher_killed(this: Round) -> None:
    """Kill a first launcher in mid-submission; what it left must not disturb the next one."""
    command = [sys.executable, "-m", "pipeline.launch", *map(str, this.arguments)]
    command += ["--out", str(this.cluster.out), "--executor", "slurm"]
    running = subprocess.Popen(
        command, env=this.cluster.environment, cwd=ROOT, stdout=subprocess.DEVNULL
    )
    time.sleep(this.rng.uniform(0.8, 2.5))
    running.kill()
    running.wait()


def accounting_down(this: Round) -> None:
    this.cluster.command("pkill", "-x", "slurmdbd")
    status = this.cluster.pipeline("status", this.cluster.out, "--json")
    assert status.returncode == 0, status.stderr
    json.loads(status.stdout)


def accounting_up(this: Round) -> None:
    this.cluster.command("slurmdbd")
    this.cluster.wait_until(
        lambda: this.cluster.command("sacctmgr", "-n", "show", "cluster").returncode == 0, 60
    )


def second_copy(this: Round) -> None:
    """Run a training task a second time, beside the job that does it."""
    if this.wait_for_job():
        item = this.rng.randrange(4)
        call = f"run('train', {str(this.cluster.out)!r}, {item})"
        code = f"from pipeline.executors.task import run; {call}"
        subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=False)


def second_launch(this: Round) -> None:
    this.launch()


def small_disk(this: Round) -> None:
    """Put the output on a disk of its own, which can be filled."""
    this.cluster.out.mkdir(parents=True, exist_ok=True)
    this.cluster.command(
        "mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "tmpfs", this.cluster.out
    )
    this.mounted = True


def fill_disk(this: Round) -> None:
    if this.wait_for_job():
        balloon = this.cluster.out / "balloon"
        this.cluster.command("dd", "if=/dev/zero", f"of={balloon}", "bs=64k")
        time.sleep(this.rng.uniform(3, 8))
        balloon.unlink()


FAULTS: dict[str, Fault] = {
    "requeue": Fault(requeue),
    "preemption": Fault(preempt),
    "preemption with warning": Fault(preempt, before=warn_before_preempting),
    "kill -9": Fault(kill_task),
    "node loss": Fault(lose_node),
    "time limit": Fault(lower_time_limit),
    "out of memory": Fault(before=too_little_memory),
    "launcher killed": Fault(before=launcher_killed),
    "sacct down": Fault(accounting_down, after=accounting_up),
    "two copies": Fault(second_copy),
    "two launches": Fault(second_launch),
    "disk full": Fault(fill_disk, before=small_disk),
}
