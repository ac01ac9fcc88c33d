"""What one task of a stage asks of Slurm, or of this machine."""

import os

from pydantic import Field

from jobs.schema import Schema


class Resources(Schema):
    """What one task asks for, in Slurm's words and units."""

    cpus: int | None = Field(None, ge=1, description="None: what the work can use")
    mem_gb: float = Field(gt=0, description="host memory")
    timeout_min: int = Field(gt=0, description="time limit; a run goes on after it")
    gpus: int = Field(0, ge=0)
    gres: str | None = Field(None, description="GPU request, instead of gpu:<gpus>")
    constraint: str | None = None
    partition: str | None = None

    def cpus_here(self) -> int:
        """Return how many CPUs a task may use on this machine."""
        return min(self.cpus or cpus_available(), cpus_available())


class Tier(Resources):
    """A size of training job. Tiers are listed smallest first: out of memory moves a run up."""

    name: str


def cpus_available() -> int:
    """Return how many CPUs this process may run on."""
    return len(os.sched_getaffinity(0))


def cpus_of_this_task(resources: Resources) -> int:
    """Return the CPUs of the task that this is: what Slurm gave, or what the site allows here."""
    given = os.environ.get("SLURM_CPUS_PER_TASK", "")
    return min(int(given), os.cpu_count() or 1) if given.isdigit() else resources.cpus_here()
