"""What tests and the chaos benchmark do on a cluster: launch, look, wait."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slurm.testbed.testbed import Testbed
from tests import commands
from tests.commands import ROOT

LONGEST_LOG = 6000
ASKED_AGAIN = 30


@dataclass
class Cluster:
    """A testbed and one output folder on it."""

    testbed: Testbed
    out: Path

    @property
    def environment(self) -> dict[str, str]:
        return os.environ | {"SLURM_CONF": str(self.testbed.config)}

    def command(self, *command: object, cwd: Path = ROOT) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [str(part) for part in command],
            env=self.environment,
            cwd=cwd,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    def pipeline(self, command: str, *arguments: object) -> "subprocess.CompletedProcess[str]":
        return commands.command(command, *arguments, env=self.environment)

    def launch(self, *arguments: object) -> "subprocess.CompletedProcess[str]":
        return self.pipeline("launch", *arguments, "--out", self.out, "--executor", "slurm")

    def queue(self) -> list[str]:
        """Return a line for each task that waits or runs; a squeue that fails is asked again."""
        for _ in range(ASKED_AGAIN):
            done = self.command("squeue", "-h", "-r", "-o", "%i %j %T %r")
            if done.returncode == 0:
                return done.stdout.splitlines()
            time.sleep(1)
        raise TimeoutError(f"squeue does not answer: {done.stderr}")

    def status(self) -> dict[str, Any]:
        shown = self.pipeline("status", self.out, "--json")
        assert shown.returncode == 0, shown.stderr
        found: dict[str, Any] = json.loads(shown.stdout)
        return found

    def items(self, stage: str) -> list[dict[str, Any]]:
        return [item for item in self.status()["items"] if item["stage"] == stage]

    def accounting(self, fields: str) -> list[list[str]]:
        text = self.command("sacct", "-X", "-n", "-P", f"--format={fields}").stdout
        return [line.split("|") for line in text.splitlines()]

    def print_what_was_said(self) -> None:
        """Print the state of each item, the logs of tasks and jobs, and Slurm's own log."""
        print(self.pipeline("status", self.out, "--json").stdout)
        jobs = (self.out / "logs" / "submitit").glob("*_log.err")
        for path in sorted([*(self.out / "logs").glob("*.log"), *jobs]):
            print(f"--- {path.name}\n{path.read_text(errors='replace')[-LONGEST_LOG:]}")
        print("--- sacct", *self.accounting("jobid,jobname,state,exitcode,start,end"), sep="\n")
        log = self.testbed.root / "log" / "slurmctld.log"
        print(f"--- slurmctld.log\n{log.read_text(errors='replace')[-LONGEST_LOG:]}")

    def preempt(self) -> None:
        """Let an urgent job take every node for a moment."""
        urgent = ("sbatch", "-p", "urgent", "-N4", "--exclusive", "--output=/dev/null")
        self.command(*urgent, "--wrap", "sleep 2")

    def lose_node_of(self, job: str) -> str:
        """Kill the node that runs a job, as a power cut does, and return its name."""
        node = self.command("squeue", "-h", "-r", "-j", job, "-o", "%N").stdout.strip()
        if node:
            self.testbed.kill_node(node)
        return node

    def kill_a_task(self, part: str) -> None:
        """Kill a task of a job whose name contains `part`, as the kernel does; wait for its end.

        Requeued before it has gone, its job would be no loss.
        """
        running = set(self.running(part))
        pids = self.command("pgrep", "-f", f"pipeline.executors.entry {self.out}").stdout.split()
        of_part = [pid for pid in pids if part in _job_name(pid)]
        os.kill(int(of_part[-1]), signal.SIGKILL)
        self.wait_until(lambda: running - set(self.running(part)))

    def wait_until(self, condition: Callable[[], object], seconds: float = 180) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise TimeoutError(f"waited {seconds} s; queue: {self.queue()}")
            time.sleep(0.5)

    def drain(self, seconds: float = 240) -> None:
        """Wait until no job is queued or running."""
        self.wait_until(lambda: not self.queue(), seconds)

    def running(self, part: str) -> list[str]:
        """Return the ids of running jobs whose name contains `part`."""
        lines = [line.split() for line in self.queue()]
        return [fields[0] for fields in lines if part in fields[1] and fields[2] == "RUNNING"]


def _job_name(pid: str) -> str:
    """Return the name of the job that a process belongs to; "" if it has none, or has ended."""
    try:
        variables = Path(f"/proc/{pid}/environ").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return ""
    return next((v.partition("=")[2] for v in variables if v.startswith("SLURM_JOB_NAME=")), "")
