"""A job that goes where jobs go: the same wrapper, the same batch script, the same signals."""

import json
import shlex
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from jobs.data.workspace import Workspace
from jobs.errors import InputError
from pipeline.diagnosis.finding import Finding
from pipeline.diagnosis.machine import of_packages, of_python
from pipeline.diagnosis.probe_job import REQUEUE, REQUEUED, SEEN, WARNED
from pipeline.executors import queue, slurm_command
from pipeline.executors.sbatch import executor_for
from pipeline.executors.slurm_command import SlurmError
from pipeline.executors.slurm_executor import job_id
from pipeline.planning.resources import Resources
from pipeline.planning.site import Site

POLL_S = 1.0
# A requeued job waits until its old credential has expired: two minutes on most clusters.
REQUEUED_WITHIN_S = 240.0
WARNED_WITHIN_S = 30.0
FOLDER = "doctor"
USE_EXEC = (
    "in the site's `python`, begin the last command of every shell with `exec`: Slurm signals its "
    "direct child, and a shell there dies of it or keeps it. A run then ends at its time limit"
)


def probe(workspace: Workspace, site: Site, patience_s: float) -> Iterator[Finding]:
    """Submit the probe, watch it, and yield what it saw; nothing is left behind.

    Args:
        workspace: the output folder, in which the node must be able to write.
        site: whose smallest tier the probe asks for.
        patience_s: how long it may wait in the queue.
    """
    workspace.prepare()
    # One of its own each time, and nobody else's: it is removed at the end.
    folder = Path(tempfile.mkdtemp(prefix=f"{FOLDER}-", dir=workspace.logs))
    job = None
    try:
        job = _submitted(folder, workspace, site)
        yield from _watched(folder, workspace, site, job, patience_s)
    except SlurmError as error:
        yield Finding.failure("probe", str(error), "see the findings above")
    finally:
        if job is not None:
            _cancel(workspace, job)
        shutil.rmtree(folder, ignore_errors=True)


def _submitted(folder: Path, workspace: Workspace, site: Site) -> str:
    tier = site.tiers[0]
    asked = Resources(**(tier.model_dump(exclude={"name"}) | {"timeout_min": 10}))
    name = queue.job_name(workspace.root, FOLDER)
    executor = executor_for(site, asked, folder, name, asked.cpus or 1)
    gpu = " --gpu" if asked.gpus or asked.gres else ""
    module = "-u -m pipeline.diagnosis.probe_job"
    command = f"{executor.python} {module} {shlex.quote(str(folder))}{gpu}"
    script = folder / "probe.sh"
    script.write_text(executor.script(1, command))
    return job_id(slurm_command.run("sbatch", "--parsable", str(script)))


def _watched(
    folder: Path, workspace: Workspace, site: Site, job: str, patience_s: float
) -> Iterator[Finding]:
    def is_over() -> bool:
        return job not in {each.id for each in queue.queued(workspace.root)}

    if not _wait(lambda: (folder / SEEN).exists(), is_over, patience_s):
        if is_over():
            yield Finding.failure(
                "node", f"the probe ended without a word: {_log(folder, job)}",
                "is the output folder there on nodes, and the Python of the site?",
            )  # fmt: skip
        else:
            yield Finding.warning(
                "node", f"the probe still waits after {patience_s:.0f} s", "try --patience 3600"
            )
        return
    yield from _seen(json.loads((folder / SEEN).read_text()), site)
    slurm_command.run("scancel", "--signal=USR2", job)
    warned = _wait(lambda: (folder / WARNED).exists(), is_over, WARNED_WITHIN_S)
    requeued = warned and _wait(lambda: (folder / REQUEUED).exists(), is_over, REQUEUED_WITHIN_S)
    over = not requeued and is_over()
    # Where a shell in front of it dies of the signal, the exit code of the Python reaches nobody.
    if not warned or (over and not _asked_for_requeue(job)):
        yield Finding.failure("warning", "a signal does not reach the Python of a job", USE_EXEC)
        return
    yield Finding.ok("warning", "the signal before a time limit reaches a job's Python")
    if requeued:
        yield Finding.ok("requeue", "a job that is warned is requeued and starts again")
    elif over:
        yield Finding.failure(
            "requeue", f"a job cannot requeue itself: {_log(folder, job)}",
            "ask your cluster's staff; until then launch again after a time limit",
        )  # fmt: skip
    else:
        yield Finding.warning("requeue", "the requeued job still waits", "try when it is calmer")


def _asked_for_requeue(job: str) -> bool:
    ended = (queue.ended([job]) or {}).get(job)
    return ended is None or ended.exit_code.startswith(f"{REQUEUE}:")


def _seen(seen: dict[str, Any], site: Site) -> Iterator[Finding]:
    """Judge what the job saw."""
    yield Finding.ok("node", f"{seen['host']} can write in the output folder")
    yield of_python(seen["python"], seen["executable"], "python of jobs")
    yield of_packages(seen["packages"], "packages of jobs")
    asked = site.tiers[0]
    if asked.cpus and seen["cpus"] < asked.cpus:
        yield Finding.failure(
            "CPUs", f"a job that asks for {asked.cpus} may run on {seen['cpus']}",
            "something binds tasks to fewer CPUs: a site's own srun, or `srun_args`",
        )  # fmt: skip
    else:
        yield Finding.ok("CPUs", f"{seen['cpus']} of {asked.cpus or 1} asked for")
    if asked.gpus or asked.gres:
        if seen["gpus"]:
            yield Finding.ok("GPU", ", ".join(seen["gpus"]))
        else:
            yield Finding.warning(
                "GPU", "torch sees none in a job that asks for one",
                "runs would train on the CPU: is torch a CUDA build, is the GPU in the container?",
            )  # fmt: skip


def _wait(is_there: Callable[[], bool], is_over: Callable[[], bool], seconds: float) -> bool:
    """Return whether something came to be before the job ended or the time was up."""
    waiting_until = time.monotonic() + seconds
    while time.monotonic() < waiting_until:
        ended = is_over()  # before looking: what a job leaves, it leaves before it ends
        if is_there():
            return True
        if ended:
            return False
        time.sleep(POLL_S)
    return False


def _log(folder: Path, job: str) -> str:
    from pipeline.monitoring.cause import first_error

    texts = [path.read_text(errors="replace") for path in sorted(folder.glob(f"{job}*_log.err"))]
    return first_error("\n".join(texts)) or "its log is empty"


def _cancel(workspace: Workspace, job: str) -> None:
    try:
        queue.cancel(workspace.root, [job])
    except InputError:  # it is short, and ends by itself
        return
