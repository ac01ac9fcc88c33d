"""Which Slurm job does which items: written at submission, read by status and by a relaunch."""

import time
from collections.abc import Iterable
from pathlib import Path

from jobs.data.workspace import Workspace
from jobs.errors import DamagedFileError, InputError
from jobs.files import read_json, write_json
from jobs.schema import Schema


class JobRecord(Schema):
    """One submitted job or array."""

    job: str
    stage: str
    tier: str | None
    items: tuple[int, ...]
    plan: str
    submitted: float
    per_job: int = 1

    def job_of(self, item: int) -> str:
        """Return the id of the task that does `item`; a single task is no array."""
        if len(self.items) <= self.per_job:
            return self.job
        return f"{self.job}_{self.items.index(item) // self.per_job}"

    @property
    def jobs(self) -> dict[int, str]:
        """Map each item to its task's id."""
        return {item: self.job_of(item) for item in self.items}


def folder(workspace: Workspace) -> Path:
    return workspace.logs / "jobs"


def write_record(
    workspace: Workspace,
    job: str,
    stage: str,
    tier: str | None,
    items: Iterable[int],
    plan: str,
    per_job: int = 1,
) -> JobRecord:
    """Remember a submission of which each task does `per_job` items, in their order."""
    record = JobRecord(
        job=job,
        stage=stage,
        tier=tier,
        items=tuple(items),
        plan=plan,
        submitted=time.time(),
        per_job=per_job,
    )
    write_json(folder(workspace) / f"{job}.json", record.model_dump(mode="json"))
    return record


def read_records(workspace: Workspace) -> list[JobRecord]:
    """Return all submissions of this output, oldest first; unreadable ones count as unknown."""
    records = []
    for path in folder(workspace).glob("*.json"):
        try:
            records.append(JobRecord.checked(read_json(path), str(path)))
        except (DamagedFileError, InputError, FileNotFoundError):
            continue
    return sorted(records, key=lambda record: (record.submitted, int(record.job)))


def latest_jobs(records: Iterable[JobRecord], plan: str) -> dict[tuple[str, int], JobRecord]:
    """Return the last submission of each (stage, item) of one plan."""
    return {
        (record.stage, item): record
        for record in records
        if record.plan == plan
        for item in record.items
    }
