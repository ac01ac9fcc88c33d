"""What a cluster demands and gives, and what one task of a stage asks of it: slurm/sites/*.yaml."""

import fnmatch
import os
import socket
from collections.abc import Sequence
from pathlib import Path

from pydantic import Field, model_validator

from jobs.errors import InputError
from jobs.schema import Schema
from pipeline.yaml_file import parse_settings, read_yaml

SITES = Path(__file__).parent.parent / "slurm" / "sites"
LOCAL, GENERIC = "local", "generic"


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
        available = len(os.sched_getaffinity(0))
        return min(self.cpus or available, available)


class Tier(Resources):
    """A size of training job. Tiers stand in order: out of memory moves a run to the next."""

    name: str


class Site(Schema):
    """One cluster, or one machine."""

    hosts: tuple[str, ...] = Field((), description="patterns of host names that show this site")
    clusters: tuple[str, ...] = Field((), description="Slurm's ClusterName, where it shows it")
    required: tuple[str, ...] = Field((), description="fields that the user must fill in")

    account: str | None = None
    partition: str | None = None
    qos: str | None = None
    comment: str | None = None
    concurrency: int = Field(64, ge=1, description="tasks of an array that run at once")
    max_array_size: int | None = Field(None, ge=1, description="None: ask Slurm")
    signal_delay_s: int = Field(120, ge=1, description="warning before the time limit")
    max_requeues: int = Field(10, ge=0, description="how often a time limit is survived")
    setup: tuple[str, ...] = Field((), description="shell lines before the work: module, conda")
    python: str | None = Field(None, description="command that runs Python, or a container wrapper")

    extract: Resources
    index: Resources
    vote: Resources
    tiers: tuple[Tier, ...] = Field(min_length=1)
    tier_of: dict[str, str] = Field(default_factory=dict, description="feature set to tier")

    @model_validator(mode="after")
    def _one_line_each(self) -> "Site":
        # These become lines of a batch script; a line break would begin a command.
        for place in (self, self.extract, self.index, self.vote, *self.tiers):
            for name, value in place:
                if isinstance(value, str) and not value.isprintable():
                    raise ValueError(f"`{name}` must be one line; got {value!r}")
        return self

    @model_validator(mode="after")
    def _tiers_exist(self) -> "Site":
        names = [tier.name for tier in self.tiers]
        for features, name in self.tier_of.items():
            if name not in names:
                raise ValueError(f"`tier_of.{features}: {name}` is none of the tiers {names}")
        return self

    def resources(self, stage: str) -> Resources:
        """Return what a task of a stage asks for; for training, the first tier.

        The audit reads what the index job reads, and asks for the same.
        """
        by_stage: dict[str, Resources] = {
            "extract": self.extract,
            "index": self.index,
            "audit": self.index,
            "train": self.tiers[0],
            "vote": self.vote,
        }
        return by_stage[stage]

    def tier(self, name: str) -> Tier:
        """Return a tier by its name.

        Raises:
            InputError: there is no such tier.
        """
        for tier in self.tiers:
            if tier.name == name:
                return tier
        known = ", ".join(tier.name for tier in self.tiers)
        raise InputError(f"this site has no tier '{name}'; it has: {known}")

    def tier_after(self, name: str) -> Tier | None:
        """Return the next larger tier, or None if this is the largest."""
        names = [tier.name for tier in self.tiers]
        place = names.index(self.tier(name).name) + 1
        return self.tiers[place] if place < len(names) else None

    def default_tier(self, features: str) -> str:
        """Return the tier of runs on a feature set."""
        return self.tier_of.get(features, self.tiers[0].name)

    def require_filled_in(self, name: str) -> None:
        """Refuse a site whose demands are not met, before anything is submitted.

        Raises:
            InputError: names the field and the places where it can be given.
        """
        for field in self.required:
            if not getattr(self, field, None):
                raise InputError(
                    f"site {name} demands `{field}`, which is empty. Give it with --site-set "
                    f"{field}=..., or fill it in in {SITES / name}.yaml"
                )


def load_site(name: str, overrides: Sequence[str] = ()) -> Site:
    """Read `slurm/sites/<name>.yaml`, or the file itself if `name` is a path.

    Args:
        name: of a site that comes along, or a path to a YAML file.
        overrides: `key=value` texts of --site-set.

    Raises:
        InputError: there is no such site, or it has a mistake.
    """
    path = Path(name) if name.endswith((".yaml", ".yml")) else SITES / f"{name}.yaml"
    if not path.exists():
        known = ", ".join(sorted(p.stem for p in SITES.glob("*.yaml")))
        raise InputError(f"there is no site '{name}'; known are: {known}; or give a .yaml file")
    file = read_yaml(path)
    forced = parse_settings(overrides, Site.model_fields, "--site-set", "account=abc")
    return Site.checked(file.values | forced, file.where())


def detect_site(cluster: str | None) -> str:
    """Return the site that this host or Slurm's cluster name shows, else the generic one."""
    host = socket.getfqdn()
    for path in sorted(SITES.glob("*.yaml")):
        site = load_site(path.stem)
        if cluster in site.clusters or any(fnmatch.fnmatch(host, p) for p in site.hosts):
            return path.stem
    return GENERIC
