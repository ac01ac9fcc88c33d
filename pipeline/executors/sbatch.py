"""What one array asks of sbatch: resources, edges, the environment of its jobs."""

import os
import shlex
from pathlib import Path

from jobs.process import python_path
from pipeline.executors import queue
from pipeline.executors.arrays import Array
from pipeline.executors.slurm_executor import SlurmExecutor
from pipeline.planning.resources import Resources
from pipeline.planning.site import Site
from pipeline.planning.wrapper import container_variables, python_command
from pipeline.stages.stage import Opened

# Slurm remembers what a job was to inherit of its launcher (`export`), and hides all else from its
# steps; but a step needs what the batch script has set up.
IN_JOBS = {"SLURM_EXPORT_ENV": "ALL"}


def executor(opened: Opened, array: Array, dependency: str | None) -> SlurmExecutor:
    """Return what submits one array.

    Args:
        opened: the plan.
        array: its items, and what each task asks for.
        dependency: as sbatch takes it, or None.
    """
    tier, stage = array.request.tier, array.stage.name
    name = queue.job_name(opened.workspace.root, f"{stage}-{tier}" if tier else stage)
    site, asked = opened.plan.site, array.request.resources
    if array.gpus and array.stage.items_per_job(opened) > 1:
        comments = [text for text in (site.comment, site.comment_when_sharing) if text]
        site = site.model_copy(update={"comment": ";".join(comments) or None})
    return executor_for(site, asked, opened.workspace.jobs, name, array.cpus, dependency)


def executor_for(
    site: Site,
    resources: Resources,
    folder: Path,
    name: str,
    cpus: int,
    dependency: str | None = None,
) -> SlurmExecutor:
    """Return what submits jobs of a name onto a site.

    Args:
        site: what all its jobs ask for.
        resources: what these ask for.
        folder: of their logs and pickles.
        name: of the job.
        cpus: of each task.
        dependency: as sbatch takes it, or None.
    """
    executor = SlurmExecutor(
        folder=folder, max_num_timeout=site.max_requeues, python=python_command(site)
    )
    variables = IN_JOBS | python_path() | container_variables(site, os.environ)
    optional = {
        "account": site.account,
        "partition": resources.partition or site.partition,
        "qos": site.qos,
        "comment": site.comment,
        "constraint": resources.constraint,
        "gres": resources.gres or (f"gpu:{resources.gpus}" if resources.gpus else None),
        "dependency": dependency,
        "exclude": site.exclude,
        # +e: with the -e of a site's own lines, the script would end before it can requeue.
        "setup": [*_exports(variables), *site.setup, "set +e"],
    }
    executor.update_parameters(
        job_name=name,
        time=resources.timeout_min,
        mem=f"{round(resources.mem_gb * 1024)}M",
        cpus_per_task=cpus,
        # From Slurm 22.05 on, srun takes one CPU a task if nobody tells it of the job's.
        srun_args=[f"--cpus-per-task={cpus}", *site.srun_args],
        nodes=1,
        ntasks_per_node=1,
        # As `%50` behind --array: how many tasks run at once, so that a grid of hundreds does
        # not take a whole course's partition.
        array_parallelism=site.concurrency,
        signal_delay_s=site.signal_delay_s,
        wckey=site.wckey,  # also where there is none: submitit has its own
        # A dependency that can no longer be met cancels the job instead of leaving it pending;
        # and a job that lost its node is to be started again whatever the cluster's default is.
        additional_parameters={"kill-on-invalid-dep": "yes", "requeue": True} | _further(site),
        **{name: value for name, value in optional.items() if value is not None},
    )
    return executor


def _further(site: Site) -> dict[str, str | bool]:
    """Return what submitit has no name for; what the user asks for in so many words wins."""
    named = {"reservation": site.reservation, "export": site.export}
    return {name: value for name, value in named.items() if value} | site.sbatch


def _exports(variables: dict[str, str]) -> list[str]:
    return [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
