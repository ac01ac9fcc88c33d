"""Where jobs run, and on which site: as asked, or as this machine shows."""

import enum
import os
from collections.abc import Iterator, Mapping, Sequence

from jobs.data.workspace import Workspace
from jobs.errors import InputError
from pipeline.executors import slurm_command
from pipeline.executors.records import JobRecord
from pipeline.planning.site import GENERIC, LOCAL, Site, detect_site, load_site
from pipeline.planning.wishes import personal_settings, with_wishes
from pipeline.planning.wrapper import container_variables


class Executor(enum.StrEnum):
    """Where jobs run."""

    auto = "auto"
    slurm = "slurm"
    debug = "debug"
    local = "local"


CONTAINERS = ("APPTAINER_CONTAINER", "SINGULARITY_CONTAINER")
WAY_OUT = (
    "or say --executor debug (in this process) or --executor local (in processes beside it) if the "
    "work is meant for this machine"
)


def choose_executor(
    asked: Executor, workspace: Workspace, planning: bool, site: str | None = None
) -> Executor:
    """Choose where jobs run. Work is never begun on a login node because Slurm is silent.

    Args:
        asked: by the user.
        workspace: the output folder, which may have Slurm jobs already.
        planning: whether nothing is started anyway; then a cluster's plan is shown anywhere.
        site: as asked.

    Raises:
        InputError: this machine belongs to a cluster whose Slurm cannot be reached from here.
    """
    if asked is not Executor.auto:
        return asked
    if slurm_command.slurm_answers() or (planning and site not in (None, LOCAL)):
        return Executor.slurm
    if planning:
        return Executor.debug
    if slurm_command.slurm_is_here() and slurm_command.slurm_is_configured():
        raise InputError(
            f"this machine has sbatch, but no Slurm controller answers. Wait for it, {WAY_OUT}"
        )
    if sign := _sign_of_a_cluster(os.environ, workspace):
        raise InputError(
            f"this machine has no Slurm that answers, but {sign}. Launch where sbatch works (on a "
            f"login node, outside of a container), {WAY_OUT}"
        )
    return Executor.debug


def _sign_of_a_cluster(around: Mapping[str, str], workspace: Workspace) -> str | None:
    """Return what shows that this machine belongs to a cluster, if anything does."""
    for name in CONTAINERS:
        if image := around.get(name):
            return f"this is inside of the container {image} ({name} is set)"
    for name in ("SLURM_CONF", "SLURM_JOB_ID"):
        if name in around:
            return f"{name} is set"
    if (site := detect_site(None)) != GENERIC:
        return f"its host name is one of the site '{site}'"
    if JobRecord.load_all(workspace):
        return f"{workspace.root} has Slurm jobs of an earlier launch"
    return None


def choose_site(
    executor: Executor, name: str | None, overrides: Sequence[str], planning: bool
) -> tuple[Site, list[str]]:
    """Return the site, and sentences on what was taken from the user's shell.

    Args:
        executor: where jobs run.
        name: as asked; None for what the cluster or the host shows.
        overrides: of --site-set.
        planning: whether what is missing is only said.

    Raises:
        InputError: there is no such site, it has a mistake, or what it demands is missing.
    """
    if executor is not Executor.slurm:
        return load_site(name or LOCAL, overrides), []
    name = name or name_of_site()
    site, said = with_what_is_yours(name, overrides)
    # What is missing is told before anything is read.
    for missing in _missing(site, name):
        if not planning:
            raise missing
        said.append(f"a launch would be refused: {missing}")
    return site, said


def name_of_site() -> str:
    """Return the site that the cluster or the host shows."""
    answers = slurm_command.slurm_answers()
    return detect_site(slurm_command.cluster_settings().get("ClusterName") if answers else None)


def with_what_is_yours(name: str, overrides: Sequence[str]) -> tuple[Site, list[str]]:
    """Return a site with what the user's file, shell and --site-set say, and what to say of it."""
    return with_wishes(load_site(name, overrides, personal_settings(name)), os.environ)


def _missing(site: Site, name: str) -> Iterator[InputError]:
    """Yield what a launch on this site would be refused for."""
    try:
        site.require_filled_in(name)
    except InputError as error:
        yield error
    try:
        container_variables(site, os.environ)
    except InputError as error:
        yield error
