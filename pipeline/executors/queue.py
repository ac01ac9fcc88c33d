"""This output's jobs: squeue, sacct and scancel, each in one place."""

import hashlib
import os
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.executors.slurm_command import SlurmError, run

PREFIX = "clip"
# A job that was cancelled is shown as it was for a moment.
ENDS_WITHIN_S, POLL_S = 5.0, 0.5


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
    """One line of sacct.

    Attributes:
        id: `123` or `123_4`.
        state: in Slurm's words: `FAILED`, `CANCELLED by 1000`.
        exit_code: the exit code and the signal: `1:0`, `0:9`.
        has_started: whether it ever ran.
    """

    id: str
    state: str
    exit_code: str
    has_started: bool = True

    @property
    def word(self) -> str:
        """The state without who caused it."""
        return self.state.split()[0] if self.state else ""

    @property
    def is_waiting(self) -> bool:
        return self.word in ("PENDING", "REQUEUED", "SUSPENDED")

    @property
    def is_running(self) -> bool:
        return self.word in ("RUNNING", "COMPLETING", "CONFIGURING", "RESIZING", "STOPPED")

    @property
    def cancelled_by(self) -> int | None:
        """The user who cancelled it, if Slurm names one."""
        found = re.fullmatch(r"CANCELLED by (\d+)", self.state)
        return int(found[1]) if found else None


def job_name(workspace: Path, part: str) -> str:
    """Name a job by its output and its part, so that it is found again without any record.

    The name has no character that a shell or Slurm could misread, whatever the path.
    """
    return f"{PREFIX}-{output_hash(workspace)}-{part}"


def output_hash(workspace: Path) -> str:
    return hashlib.sha256(str(workspace.resolve()).encode("utf-8", "surrogateescape")).hexdigest()[
        :12
    ]


def queued(workspace: Path) -> list[QueuedJob]:
    """Return this output's jobs that are waiting or running, one line a task.

    Raises:
        SlurmError: squeue does not answer.
    """
    marker = f"{PREFIX}-{output_hash(workspace)}-"
    # --all: a job in a hidden partition is one too.
    whose = f"--user={os.getuid()}"
    text = run("squeue", whose, "--all", "--noheader", "--array", "--format=%i|%j|%T|%r")
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
        text = run(
            "sacct", "-X", "--noheader", "--parsable2", "--format=JobID,State,ExitCode,NodeList",
            f"--jobs={','.join(arrays)}",
        )  # fmt: skip
    except SlurmError:
        return None
    found = {}
    for line in text.splitlines():
        fields = line.split("|")
        if len(fields) == 4:
            has_started = fields[3] not in ("None assigned", "")
            for job in _expanded(fields[0]):
                found[job] = EndedJob(job, fields[1], fields[2], has_started)
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

    scancel's exit code says little: it fails where one of many has ended in between, and does not
    fail on every job that it could not end. So the queue has the last word.

    Raises:
        SlurmError: some of them are still waiting or running, or it cannot be known.
    """
    if not job_ids:
        return
    said = ""
    try:
        run("scancel", *sorted(set(job_ids)))
    except SlurmError as error:
        said = f" ({error})"
    looking_until = time.monotonic() + ENDS_WITHIN_S
    while left := _still_there(workspace, job_ids):
        if time.monotonic() > looking_until:
            raise SlurmError(f"not cancelled: {', '.join(left)}{said}")
        time.sleep(POLL_S)


def _still_there(workspace: Path, job_ids: Sequence[str]) -> list[str]:
    return [job.id for job in queued(workspace) if job.id in job_ids and not job.is_ending]
