"""What a cluster (or one machine) gives to a task of each stage: slurm/sites/*.yaml."""

import os
from pathlib import Path

from pydantic import Field

from jobs.errors import InputError
from jobs.schema import Schema
from pipeline.yaml_file import read_yaml

SITES = Path(__file__).parent.parent / "slurm" / "sites"


class Resources(Schema):
    """What one task of a stage asks for, in Slurm's words and units."""

    cpus: int | None = Field(None, ge=1, description="None: as many as the machine has")
    mem_gb: float = Field(gt=0)
    timeout_min: int = Field(gt=0)
    gpus: int = Field(0, ge=0)

    def cpus_here(self) -> int:
        """Return how many CPUs a task may use on this machine."""
        available = len(os.sched_getaffinity(0))
        return min(self.cpus or available, available)


class Site(Schema):
    """Resources of each stage on one site."""

    extract: Resources
    index: Resources
    train: Resources
    vote: Resources

    def resources(self, stage: str) -> Resources:
        resources: Resources = getattr(self, stage)
        return resources


def load_site(name: str) -> Site:
    """Read `slurm/sites/<name>.yaml`.

    Raises:
        InputError: there is no such site, or the file has a mistake.
    """
    path = SITES / f"{name}.yaml"
    if not path.exists():
        known = ", ".join(sorted(p.stem for p in SITES.glob("*.yaml")))
        raise InputError(f"there is no site '{name}'; known are: {known}")
    file = read_yaml(path)
    return Site.checked(file.values, file.where())
