"""The cluster: does Slurm answer, and would it take what the site's file asks for?"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from jobs.errors import InputError
from jobs.words import count
from pipeline.diagnosis.finding import Finding
from pipeline.executors import slurm_command
from pipeline.executors.limits import job_limit_of
from pipeline.executors.refusals import (
    may_fit_later,
    refusal_in_words,
    require_within_limit,
    test,
)  # fmt: skip
from pipeline.executors.sbatch import executor_for
from pipeline.executors.slurm_command import SlurmError
from pipeline.planning.site import Site
from pipeline.planning.wrapper import container_variables, python_command
from pipeline.stages.graph import STAGES

COMMANDS = {
    "sbatch": ("--version",), "squeue": ("--version",), "scancel": ("--version",),
    "scontrol": ("ping",),
}  # fmt: skip


def commands() -> Iterator[Finding]:
    """Look at whether Slurm's commands are there and answer."""
    for name, arguments in COMMANDS.items():
        try:
            said = slurm_command.run(name, *arguments).strip().splitlines()
        except SlurmError as error:
            yield Finding.failure(name, str(error), "go to a login node; is Slurm up (`sinfo`)?")
        else:
            yield Finding.ok(name, said[0] if said else "answers")
    if shutil.which("sacct") is None:
        yield Finding.warning("sacct", "is not here", "causes of failure come from our logs alone")
        return
    try:
        slurm_command.run("sacct", "-X", "--noheader", "--starttime=now", "--format=JobID")
    except SlurmError as error:
        yield Finding.warning("sacct", str(error), "causes of failure come from our logs alone")
    else:
        yield Finding.ok("sacct", "answers")


def site_file(site: Site, name: str) -> Iterator[Finding]:
    """Look at what the site demands, and at the command that runs Python in jobs."""
    subject = f"site {name}"
    try:
        site.require_filled_in(name)
        yield Finding.ok(subject, f"{', '.join(site.required) or 'nothing'} demanded")
    except InputError as error:
        yield Finding.failure(subject, str(error), "see README, Your cluster")
    try:
        variables = container_variables(site, os.environ)
        command = python_command(site)
    except InputError as error:
        yield Finding.failure("python of jobs", str(error), "see slurm/container.sh")
        return
    of_container = "".join(f", {key}={value}" for key, value in variables.items())
    yield Finding.ok("python of jobs", f"{command or 'the one that launches'}{of_container}")


def acceptance(site: Site) -> Iterator[Finding]:
    """Ask Slurm whether it would take a job of each stage and of each tier; nothing is queued."""
    asked = {f"stage {stage.site_name}": stage.resources(site) for stage in STAGES}
    asked |= {f"tier {tier.name}": tier for tier in site.tiers}
    for subject, resources in asked.items():
        try:
            job = executor_for(site, resources, Path("logs"), "doctor", resources.cpus or 1)
            test(job.script(tasks=1))
            require_within_limit(resources.partition or site.partition, resources)
        except SlurmError as error:
            if may_fit_later(site, resources, resources.cpus or 1, error):
                said = "the nodes that fit are down or drained just now"
                yield Finding.warning(subject, said, "jobs would wait for them; see `sinfo -R`")
                continue
            words = refusal_in_words(subject.split()[1], error, job_limit_of(str(error)))
            yield Finding.failure(subject, str(words), "change the site's file, or --site-set")
        else:
            gpus = resources.gres or (count(resources.gpus, "GPU") if resources.gpus else "no GPU")
            limit = f"{resources.timeout_min} min"
            yield Finding.ok(subject, f"{resources.mem_gb:g} GB, {gpus}, {limit}: would be taken")
