"""What one array asks of sbatch: resources, edges, the environment of its jobs."""

import contextlib
import io
import shlex
from collections.abc import Iterator

import submitit

from jobs.errors import InputError
from jobs.process import python_path
from jobs.trust import make_private
from pipeline.executors import queue
from pipeline.executors.entry import SlurmExecutor
from pipeline.planning.plan import OpenedPlan
from pipeline.stages.stage import Request, Stage


def executor(
    opened: OpenedPlan,
    stage: Stage,
    request: Request,
    groups: list[list[int]],
    dependency: str | None,
) -> SlurmExecutor:
    """Return what submits one array.

    Args:
        opened: the plan.
        stage: whose items the array does.
        request: tier and resources of each task.
        groups: the items of each task.
        dependency: as sbatch takes it, or None.
    """
    site, resources = opened.plan.site, request.resources
    part = f"{stage.name}-{request.tier}" if request.tier else stage.name
    least_cpus = max(stage.cpus(opened, group) for group in groups)
    gres = resources.gres or (f"gpu:{resources.gpus}" if resources.gpus else None)
    make_private(opened.workspace.logs)
    executor = SlurmExecutor(
        folder=opened.workspace.jobs, max_num_timeout=site.max_requeues, python=site.python
    )
    optional = {
        "account": site.account,
        "partition": resources.partition or site.partition,
        "qos": site.qos,
        "comment": site.comment,
        "constraint": resources.constraint,
        "gres": gres,
        "dependency": dependency,
        "setup": [*_exports(python_path()), *site.setup],
    }
    executor.update_parameters(
        job_name=queue.job_name(opened.workspace.root, part),
        time=resources.timeout_min,
        mem=f"{round(resources.mem_gb * 1024)}M",
        cpus_per_task=max(resources.cpus or 1, least_cpus),
        nodes=1,
        ntasks_per_node=1,
        # As `%50` behind --array: how many tasks run at once, so that a grid of hundreds does
        # not take a whole course's partition.
        array_parallelism=site.concurrency,
        signal_delay_s=site.signal_delay_s,
        # A dependency that can no longer be met cancels the job instead of leaving it pending;
        # and a job that lost its node is to be started again whatever the cluster's default is.
        additional_parameters={"kill-on-invalid-dep": "yes", "requeue": True},
        **{name: value for name, value in optional.items() if value is not None},
    )
    return executor


def _exports(variables: dict[str, str]) -> list[str]:
    return [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]


@contextlib.contextmanager
def refusals_in_words(stage: str) -> Iterator[None]:
    """Turn sbatch's refusal into words."""
    try:
        # submitit prints sbatch's words as well, below a traceback's worth of context.
        with contextlib.redirect_stderr(io.StringIO()):
            yield
    except (submitit.core.utils.FailedJobError, submitit.core.utils.FailedSubmissionError) as error:
        raise InputError(f"Slurm refuses the {stage} stage: {str(error).strip()}") from None
