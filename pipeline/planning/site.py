"""What a cluster demands and gives: slurm/sites/*.yaml."""

import fnmatch
import os
import re
import socket
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from jobs.errors import InputError, quoted
from jobs.schema import Schema, unknown_setting
from pipeline.planning.resources import Resources, Tier
from pipeline.planning.yaml_file import YamlFile, parse_settings, read_yaml

SITES = Path(__file__).parents[2] / "slurm" / "sites"
LOCAL, GENERIC = "local", "generic"
OF_SBATCH = "sbatch."
# What jobs are found, joined and restarted by.
OURS = {"job-name", "array", "dependency", "output", "error", "open-mode", "signal", "requeue",
        "no-requeue", "kill-on-invalid-dep", "parsable", "wrap", "chdir", "nodes", "ntasks", "hold",
        "test-only", "wait", "clusters", "cluster"}  # fmt: skip
UMASKS = {"owner": 0o077, "group": 0o027, "all": 0o022}


class Site(Schema):
    """One cluster, or one machine.

    In the file, what a task of a stage asks for stands under the stage's name. A stage that is not
    named there asks for its own default, so a site file stays valid when a stage is added.
    """

    hosts: tuple[str, ...] = Field((), description="patterns of host names that show this site")
    clusters: tuple[str, ...] = Field((), description="Slurm's ClusterName, where it shows it")
    required: tuple[str, ...] = Field((), description="fields that the user must fill in")

    account: str | None = None
    partition: str | None = None
    qos: str | None = None
    comment: str | None = None
    comment_when_sharing: str | None = Field(
        None, description="added to the comment of jobs in which runs share a GPU"
    )
    min_gpu_percent: int | None = Field(
        None, ge=1, le=100, description="jobs that use their GPU less are cancelled after a while"
    )
    wckey: str | None = None
    reservation: str | None = None
    exclude: str | None = Field(None, description="nodes to avoid")
    export: str | None = Field(None, description="what jobs inherit; None: all that is no job's")
    sbatch: dict[str, str | bool] = Field(
        default_factory=dict, description="further options of sbatch; true for a bare one"
    )
    srun_args: tuple[str, ...] = Field((), description="further arguments of srun")
    concurrency: int = Field(64, ge=1, description="tasks of an array that run at once")
    max_array_size: int | None = Field(None, ge=1, description="None: ask Slurm")
    signal_delay_s: int = Field(120, ge=1, description="warning before the time limit")
    max_requeues: int = Field(10, ge=0, description="how often a time limit is survived")
    setup: tuple[str, ...] = Field((), description="shell lines before the work: module, conda")
    python: str | None = Field(None, description="command that runs Python, or a container wrapper")
    image: str | None = Field(None, description="of the container, where slurm/container.sh runs")
    overlay: str | None = Field(None, description="of the container")

    readers: Literal["owner", "group", "all"] | None = Field(
        None, description="who else may read results; None: whom the umask lets"
    )

    stages: dict[str, Resources] = Field(default_factory=dict, description="by stage")
    tiers: tuple[Tier, ...] = Field(min_length=1)
    tier_of: dict[str, str] = Field(default_factory=dict, description="feature set to tier")

    @model_validator(mode="after")
    def _one_line_each(self) -> "Site":
        # These become lines of a batch script; a line break would begin a command.
        for part in (self, *self.stages.values(), *self.tiers):
            for name, value in part:
                if isinstance(value, str) and not value.isprintable():
                    raise ValueError(f"`{name}` must be one line; got {quoted(value)}")
        return self

    @field_validator("sbatch", mode="before")
    @classmethod
    def _as_text(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        # In YAML, 100 is a number, and `exclusive: false` means that it is not wanted.
        return {
            key: str(said) if isinstance(said, int | float) and said is not True else said
            for key, said in value.items()
            if said is not False and said is not None
        }

    @model_validator(mode="after")
    def _options_are_named(self) -> "Site":
        for name, value in self.sbatch.items():
            if not re.fullmatch(r"[a-z][a-z0-9-]*", name) or name in OURS:
                ours = " It is set by us." if name in OURS else ""
                raise ValueError(f"`sbatch.{name}` is no option that can be passed on.{ours}")
            if not str(value).isprintable():
                raise ValueError(f"`sbatch.{name}` must be one line; got {quoted(value)}")
        return self

    @model_validator(mode="after")
    def _tiers_exist(self) -> "Site":
        names = [tier.name for tier in self.tiers]
        for features, name in self.tier_of.items():
            if name not in names:
                raise ValueError(f"`tier_of.{features}: {name}` is none of the tiers {names}")
        return self

    def let_readers_in(self) -> None:
        """Let those read what this process creates from now on who shall read it, and write none.

        Logs, the plan and records of jobs are their owner's alone, whatever is set here.
        """
        if self.readers is not None:
            os.umask(UMASKS[self.readers])

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
        following = self.tiers[names.index(self.tier(name).name) + 1 :]
        return following[0] if following else None

    def default_tier(self, features: str) -> str:
        """Return the tier of runs on a feature set."""
        return self.tier_of.get(features, self.tiers[0].name)

    def require_filled_in(self, name: str) -> None:
        """Refuse a site whose demands are not met, before anything is submitted.

        Raises:
            InputError: names all such fields and the places where they can be given.
        """
        empty = [field for field in self.required if not getattr(self, field, None)]
        if empty:
            named = " and ".join(f"`{field}`" for field in empty)
            verb, them = ("is", "it") if len(empty) == 1 else ("are", "them")
            given = " ".join(f"--site-set {field}=..." for field in empty)
            path = name if name.endswith((".yaml", ".yml")) else SITES / f"{name}.yaml"
            raise InputError(
                f"site {name} demands {named}, which {verb} empty. Set {them} with {given}, in "
                f"{path}, or in your own site.yaml"
            )


def load_site(
    name: str, overrides: Sequence[str] = (), personal: Mapping[str, Any] | None = None
) -> Site:
    """Read `slurm/sites/<name>.yaml`, or the file itself if `name` is a path.

    Args:
        name: of a site in slurm/sites, or a path to a YAML file.
        overrides: `key=value` texts of --site-set. They win.
        personal: fields that the user's own file sets. They win over the site's.

    Raises:
        InputError: there is no such site, or it has a mistake.
    """
    path = Path(name) if name.endswith((".yaml", ".yml")) else SITES / f"{name}.yaml"
    if not path.exists():
        raise InputError(
            f"there is no site '{name}', only {', '.join(known_sites())}; or give a .yaml file"
        )
    file = read_yaml(path)
    valid = (*Site.model_fields, *stage_names())
    options = [text for text in overrides if text.startswith(OF_SBATCH)]
    rest = [text for text in overrides if text not in options]
    forced = dict(personal or {}) | parse_settings(rest, valid, "--site-set", "account=abc")
    if options:
        before = (file.values.get("sbatch") or {}) | (forced.get("sbatch") or {})
        forced["sbatch"] = before | _options_of_sbatch(options)
    return Site.checked(_by_stage(file, forced), file.where())


def _options_of_sbatch(texts: Sequence[str]) -> dict[str, str | bool]:
    """Read `sbatch.nice=100`, and `sbatch.exclusive` of an option without a value."""
    found: dict[str, str | bool] = {}
    for text in texts:
        name, equals, value = text.removeprefix(OF_SBATCH).partition("=")
        found[name] = value if equals else True
    return found


def stage_names() -> tuple[str, ...]:
    """Return the stages that a site's file may name."""
    # Inside, because stages ask a site for resources and import it in turn.
    from pipeline.stages.graph import STAGES

    return tuple(dict.fromkeys(stage.site_name for stage in STAGES))


def _by_stage(file: YamlFile, forced: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is said of the site, with what is said of single stages under `stages`.

    Of a stage, --site-set may change single fields and leave the others as the file has them.
    """
    names, by_stage = stage_names(), "stages"
    valid = {*names, *Site.model_fields} - {by_stage}
    for key in file.values:
        if key not in valid:
            raise InputError(f"{file.where(key)}: {unknown_setting(key, valid)}")
    stages = {}
    for name in names:
        said, changed = file.values.get(name), forced.get(name)
        if said is not None or changed is not None:
            source = f"--site-set {name}" if changed is not None else file.where(name)
            stages[name] = _resources(said, changed, f"{source}: {name}")
    rest = {key: value for key, value in (file.values | dict(forced)).items() if key not in names}
    return rest | {by_stage: stages}


def _resources(said: Any, changed: Any, where: str) -> Resources:
    for part in (said, changed):
        if part is not None and not isinstance(part, dict):
            raise InputError(f"{where}: expected fields such as {{cpus: 4}}; got {quoted(part)}")
    return Resources.checked((said or {}) | (changed or {}), where)


def known_sites() -> Iterator[str]:
    yield from sorted(path.stem for path in SITES.glob("*.yaml"))


def detect_site(cluster: str | None) -> str:
    """Return the site that this host or Slurm's cluster name shows, else the generic one."""
    host = socket.getfqdn()
    for name in known_sites():
        site = load_site(name)
        if cluster in site.clusters or any(fnmatch.fnmatch(host, p) for p in site.hosts):
            return name
    return GENERIC
