"""Which Slurm job does which items: written at submission, read by status and by a relaunch."""

import logging
import time
from collections.abc import Iterable

from pydantic import Field

from jobs.data.workspace import Workspace
from jobs.errors import DamagedFileError, InputError
from jobs.files import read_json, write_json
from jobs.schema import Schema
from jobs.trust import make_private

log = logging.getLogger(__name__)


class JobRecord(Schema):
    """One submitted job or array, a file for each.

    Attributes:
        job: Slurm's id, of an array without the task.
        stage: whose items it does.
        tier: in which it was submitted, where the stage has tiers.
        items: in the order of the array's tasks.
        plan: identity of the plan that gives the items their meaning.
        number: counts this output's submissions. Neither a clock tells which one is the later (that
            of another login node may be an hour off), nor Slurm's ids (they begin anew some day).
        submitted: seconds since 1970, for a person.
        per_job: how many items each task does.
        after: jobs of a canary that had to end well first.
    """

    job: str = Field(pattern=r"^[0-9]+$")
    stage: str
    tier: str | None
    items: tuple[int, ...]
    plan: str
    number: int = 0
    submitted: float = Field(default_factory=time.time)
    per_job: int = 1
    after: tuple[str, ...] = ()

    def job_of(self, item: int) -> str:
        """Return the id of the task that does `item`."""
        # submitit makes a job and no array of a single task: its id has no task part then.
        if len(self.items) <= self.per_job:
            return self.job
        return f"{self.job}_{self.items.index(item) // self.per_job}"

    @property
    def jobs(self) -> dict[int, str]:
        """Map each item to its task's id."""
        return {item: self.job_of(item) for item in self.items}

    def save(self, workspace: Workspace) -> None:
        """Remember the submission under the job's id, which Slurm gives to no other."""
        make_private(workspace.launches)
        write_json(workspace.submissions / f"{self.job}.json", self.model_dump(mode="json"))

    @classmethod
    def of_job(cls, workspace: Workspace, job: str) -> "JobRecord | None":
        """Return what a job does; None if nobody knows."""
        path = workspace.submissions / f"{job}.json"
        try:
            return cls.checked(read_json(path), str(path))
        except (FileNotFoundError, DamagedFileError, InputError, AttributeError, TypeError):
            return None

    @classmethod
    def load_all(cls, workspace: Workspace) -> "list[JobRecord]":
        """Return all submissions of this output, oldest first; damaged ones count as unknown.

        Raises:
            InputError: others may have written them.
            OSError: one cannot be read now.
        """
        workspace.require_ours()
        records = []
        for path in workspace.submissions.glob("*.json"):
            try:
                records.append(cls.checked(read_json(path), str(path)))
            except FileNotFoundError:
                continue
            except (DamagedFileError, InputError) as error:
                # Its job is then taken for one whose launcher died before it wrote the record.
                log.warning("%s", error)
        return sorted(records, key=lambda record: (record.number, record.submitted))


def latest_jobs(records: Iterable[JobRecord], plan: str) -> dict[tuple[str, int], JobRecord]:
    """Return the last submission of each (stage, item) of one plan."""
    return {
        (record.stage, item): record
        for record in records
        if record.plan == plan
        for item in record.items
    }
