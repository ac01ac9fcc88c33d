"""When and where each task worked and what it took, kept when it ends: accounting forgets."""

import os
import resource
import socket
from collections.abc import Mapping
from pathlib import Path

from jobs.data.workspace import Workspace
from jobs.errors import DamagedFileError, InputError
from jobs.files import read_json, write_json
from jobs.schema import Schema

# Of one task: more are told by their number alone.
MOST_ATTEMPTS = 20


class Attempt(Schema):
    """One life of a task that came to its end, well or not; one that was killed leaves none.

    Attributes:
        started, ended: seconds since 1970.
        submitted: likewise, if it was submitted to Slurm.
        plan: identity of the plan that gave its number a meaning; "" if it came to none.
        host: where it worked.
        job: Slurm's id.
        restarts: how often Slurm had requeued it.
        memory_gb: the most that the process or one of its own held.
        memory_asked_gb: of the job.
    """

    started: float
    ended: float
    submitted: float | None
    plan: str
    host: str
    job: str | None
    restarts: int
    memory_gb: float
    memory_asked_gb: float | None

    @classmethod
    def ended_now(
        cls,
        started: float,
        ended: float,
        submitted: float | None,
        plan: str,
        around: Mapping[str, str] = os.environ,
    ) -> "Attempt":
        """Return what there is to say of this process."""
        kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
        kilobytes = max(resource.getrusage(kind).ru_maxrss for kind in kinds)
        asked = around.get("SLURM_MEM_PER_NODE", "")
        restarts = around.get("SLURM_RESTART_COUNT", "")
        return cls(
            started=round(started, 3),
            ended=round(ended, 3),
            submitted=submitted,
            plan=plan,
            host=socket.gethostname(),
            job=job_of_this_task(around),
            restarts=int(restarts) if restarts.isdigit() else 0,
            memory_gb=round(kilobytes / 1024**2, 3),
            memory_asked_gb=int(asked) / 1024 if asked.isdigit() else None,
        )


def job_of_this_task(around: Mapping[str, str] = os.environ) -> str | None:
    """Return the id by which the job of this process was submitted: of an array, the array's."""
    return around.get("SLURM_ARRAY_JOB_ID") or around.get("SLURM_JOB_ID")


class TaskFacts(Schema):
    """All lives of one task, the latest last."""

    attempts: tuple[Attempt, ...] = ()

    @classmethod
    def path(cls, workspace: Workspace, stage: str, index: int) -> Path:
        return workspace.tasks / f"{stage}-{index:05d}.json"

    @classmethod
    def load(cls, path: Path) -> "TaskFacts":
        """Read what `keep` wrote; nothing is known without it."""
        try:
            return cls.checked(read_json(path), str(path))
        except (FileNotFoundError, DamagedFileError, InputError, AttributeError, TypeError):
            return cls()

    @classmethod
    def keep(cls, workspace: Workspace, stage: str, index: int, attempt: Attempt) -> None:
        """Add an attempt."""
        path = cls.path(workspace, stage, index)
        attempts = (*cls.load(path).attempts, attempt)[-MOST_ATTEMPTS:]
        write_json(path, cls(attempts=attempts).model_dump(mode="json"))

    @classmethod
    def load_all(cls, workspace: Workspace) -> "dict[tuple[str, int], TaskFacts]":
        """Return what is known, by stage and item."""
        found = {}
        for path in sorted(workspace.tasks.glob("*-?????.json")):
            stage, _, index = path.stem.rpartition("-")
            if index.isdigit():
                found[stage, int(index)] = cls.load(path)
        return found
