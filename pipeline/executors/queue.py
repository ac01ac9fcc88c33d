"""Slurm's own commands, each in one place: squeue, sacct, scancel, scontrol."""

import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jobs.errors import InputError

# A busy controller takes half a minute; waiting longer than this looks like a hang.
TIMEOUT_S = 60
PREFIX = "clip"
# Debian, other packages, and nodes that get their config from the controller.
CONFIGS = ("/etc/slurm/slurm.conf", "/usr/local/etc/slurm.conf", "/run/slurm/conf/slurm.conf")


@dataclass(frozen=True)
class QueuedJob:
    """One line of squeue: a job, or one task of an array as `123_4`."""

    id: str
    name: str
    state: str
    reason: str

    @property
    def is_waiting(self) -> bool:
        return self.state in ("PENDING", "REQUEUED", "REQUEUE_HOLD", "SUSPENDED")

    @property
    def is_ending(self) -> bool:
        return self.state == "COMPLETING"


@dataclass(frozen=True)
class EndedJob:
    """One line of sacct."""

    id: str
    state: str
    exit_code: str


def job_name(workspace: Path, part: str) -> str:
    """Name a job by its output and its part, so that it is found again without any record.

    The name has no character that a shell or Slurm could misread, whatever the path.
    """
    return f"{PREFIX}-{output_hash(workspace)}-{part}"


def output_hash(workspace: Path) -> str:
    return hashlib.sha256(str(workspace.resolve()).encode("utf-8", "surrogateescape")).hexdigest()[
        :12
    ]


def slurm_is_here() -> bool:
    """Return whether this machine has Slurm's commands."""
    return shutil.which("sbatch") is not None


def slurm_is_configured() -> bool:
    """Return whether this machine belongs to a cluster, and has not just the packages."""
    named = os.environ.get("SLURM_CONF")
    return bool(named) or any(Path(path).exists() for path in CONFIGS)


def slurm_answers() -> bool:
    """Return whether a Slurm controller answers."""
    if not slurm_is_here():
        return False
    try:
        return "UP" in _run("scontrol", "ping")
    except SlurmError:
        return False


def cluster_settings() -> dict[str, str]:
    """Return what `scontrol show config` says, by name."""
    pairs = (line.partition("=") for line in _run("scontrol", "show", "config").splitlines())
    return {name.strip(): value.strip() for name, equals, value in pairs if equals}


def queued(workspace: Path) -> list[QueuedJob]:
    """Return this output's jobs that are waiting or running, one line a task.

    Raises:
        SlurmError: squeue does not answer.
    """
    marker = f"{PREFIX}-{output_hash(workspace)}-"
    text = _run("squeue", f"--user={os.getuid()}", "--noheader", "--array", "--format=%i|%j|%T|%r")
    jobs = []
    for line in text.splitlines():
        fields = line.strip().split("|", 3)
        if len(fields) == 4 and fields[1].startswith(marker):
            jobs.append(QueuedJob(*fields))
    return jobs


def ended(job_ids: Sequence[str]) -> dict[str, EndedJob] | None:
    """Return how jobs ended, by id (`123` or `123_4`), or None if accounting does not answer."""
    if not job_ids:
        return {}
    # By array, not by task: tasks that never started are known under their array alone.
    arrays = sorted({job.split("_")[0] for job in job_ids})
    try:
        text = _run(
            "sacct", "-X", "--noheader", "--parsable2", "--format=JobID,State,ExitCode",
            f"--jobs={','.join(arrays)}",
        )  # fmt: skip
    except SlurmError:
        return None
    found = {}
    for line in text.splitlines():
        fields = line.split("|")
        if len(fields) == 3:
            for job in _expanded(fields[0]):
                found[job] = EndedJob(job, *fields[1:])
    return found


def _expanded(job: str) -> list[str]:
    """Return the tasks of `3_[0-2,5%8]`, which is how an array that never started is shown."""
    array = re.fullmatch(r"(\d+)_\[([\d,-]+)(?:%\d+)?\]", job)
    if array is None:
        return [job] if re.fullmatch(r"\d+(_\d+)?", job) else []
    tasks: list[str] = []
    for part in array[2].split(","):
        first, _, last = part.partition("-")
        tasks += [f"{array[1]}_{k}" for k in range(int(first), int(last or first) + 1)]
    return tasks


def cancel(workspace: Path, job_ids: Sequence[str]) -> None:
    """Cancel jobs of this output; those that have ended already do no harm.

    Raises:
        SlurmError: scancel failed, and some of them are still queued or running.
    """
    if not job_ids:
        return
    try:
        _run("scancel", "--quiet", *sorted(set(job_ids)))
    except SlurmError as error:
        # It also fails where one of many has ended in between, so the queue has the last word.
        left = [job.id for job in queued(workspace) if job.id in job_ids and not job.is_ending]
        if left:
            raise SlurmError(f"{error}; not cancelled: {', '.join(left)}") from None


class SlurmError(InputError):
    """Slurm refused, or did not answer."""


def _run(*command: str) -> str:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        )
    except FileNotFoundError:
        raise SlurmError(f"{command[0]} is not on this machine") from None
    except subprocess.TimeoutExpired:
        raise SlurmError(f"{command[0]} did not answer within {TIMEOUT_S} s; try again") from None
    if done.returncode:
        raise SlurmError(f"{command[0]} failed: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout
