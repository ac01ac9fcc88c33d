"""submitit's Slurm executor, where its calls of sbatch and scontrol need more care.

The environment that jobs inherit is chosen, sbatch's answer is read right whatever is printed
around it, and a job is requeued by its batch script: inside a container there is no scontrol.
"""

import contextlib
import logging
import os
import re
import sys
import threading
import uuid
from pathlib import Path
from typing import Any

import submitit
from submitit.core.core import Job
from submitit.core.utils import DelayedSubmission, JobPaths
from submitit.slurm.slurm import SlurmJob, SlurmJobEnvironment, _make_sbatch_string

from jobs.errors import InputError
from pipeline.executors import slurm_command
from pipeline.executors.entry import StartsHere

log = logging.getLogger(__name__)

# With this exit code a task asks the batch script to requeue the job. No program of ours, Python,
# bash or a container ends with it for another reason.
REQUEUE = 85
ENDS_WITHIN_S = 20.0
# After the command. Whoever was faster (preemption, a lost node) has requeued it already, and then
# scontrol says so. A task is named by its array: the last task of an array has the array's own
# SLURM_JOB_ID, and scontrol would requeue all of them.
TEARDOWN = (
    "code=$?",
    f'if [ "$code" -eq {REQUEUE} ]; then',
    "  job=${SLURM_ARRAY_JOB_ID:+${SLURM_ARRAY_JOB_ID}_${SLURM_ARRAY_TASK_ID}}",
    '  said=$(scontrol requeue "${job:-$SLURM_JOB_ID}" 2>&1) || case "$said" in',
    "    *[Aa]lready*|*pending*) ;;",
    '    *) echo "error: this job could not be requeued: $said" >&2 ;;',
    "  esac",
    "fi",
    'exit "$code"',
)


class SlurmExecutor(StartsHere, submitit.SlurmExecutor):
    """submitit's, whose jobs start here and are handed to sbatch as this module's head says."""

    @classmethod
    def affinity(cls) -> int:
        return 2  # a plan is shown where there is no srun, too

    def _internal_process_submissions(
        self, delayed_submissions: list[DelayedSubmission]
    ) -> list[Job[Any]]:
        """Submit one array, or a job if there is but one task.

        submitit's own submits arrays by a copy of itself that forgets its class.
        """
        folder = JobPaths.get_first_id_independent_folder(self.folder)
        folder.mkdir(parents=True, exist_ok=True)
        pickles = [folder / f"{uuid.uuid4().hex}.pkl" for _ in delayed_submissions]
        script = folder / f".submission_file_{uuid.uuid4().hex}.sh"
        try:
            for delayed, path in zip(delayed_submissions, pickles, strict=True):
                delayed.set_timeout(self.parameters["time"], self.max_num_timeout)
                delayed.dump(path)
            script.write_text(self.script(len(pickles)))
            job = _submitted(script)
        except BaseException:
            for path in (*pickles, script):
                path.unlink(missing_ok=True)
            raise
        ids = [job] if len(pickles) == 1 else [f"{job}_{task}" for task in range(len(pickles))]
        jobs: list[Job[Any]] = [
            SlurmJob(folder=self.folder, job_id=name, tasks=[0]) for name in ids
        ]
        for each, path in zip(jobs, pickles, strict=True):
            each.paths.move_temporary_file(path, "submitted_pickle")
        JobPaths(self.folder, job).move_temporary_file(script, "submission_file")
        return jobs

    def script(self, tasks: int, command: str | None = None) -> str:
        """Return the text of the batch script.

        Args:
            tasks: how many; more than one make an array.
            command: what each runs; None for the task that was pickled for it.
        """
        parameters = self.parameters | {"teardown": list(TEARDOWN)}
        if tasks > 1:
            parameters["map_count"] = tasks
        command = command or self._submitit_command_str
        return _make_sbatch_string(command=command, folder=self.folder, **parameters)


def _submitted(script: Path) -> str:
    """Hand a batch script to Slurm and return the job's number."""
    done = slurm_command.attempt("sbatch", "--parsable", str(script))
    if done.returncode == 0:
        return job_id(done.stdout)
    # A site's own wrapper of sbatch may fail after the job is queued: the queue knows.
    with contextlib.suppress(InputError):
        job = job_id(done.stdout)
        queued = slurm_command.run("squeue", "--all", "--noheader", "--format=%A", f"--jobs={job}")
        if job in queued.split():
            log.warning("sbatch failed after it had queued job %s: %s", job, done.stderr.strip())
            return job
    raise slurm_command.failed(done)


def job_id(answer: str) -> str:
    """Return the job's number from what `sbatch --parsable` printed.

    It is a line `123` or `123;cluster`; a site may print a banner before it.

    Raises:
        InputError: no line is one.
    """
    for line in reversed(answer.splitlines()):
        if found := re.fullmatch(r"(\d+)(;\S+)?", line.strip()):
            return found[1]
    raise InputError(
        f"sbatch has answered without a job's number: {answer.strip()!r}. The job may be queued: "
        "look with squeue; the same launch finds it by its name"
    )


def requeue_by_batch_script() -> None:
    """Let submitit, in this process, ask the batch script to requeue the job."""
    setattr(SlurmJobEnvironment, "_requeue", _ask_for_requeue)  # noqa: B010


def _ask_for_requeue(_: SlurmJobEnvironment, countdown: int) -> None:
    print(f"This job asks to be requeued ({countdown} times are left).", flush=True)
    # Should something catch the exit, or a library not return from its own code, it ends so.
    timer = threading.Timer(ENDS_WITHIN_S, os._exit, (REQUEUE,))
    timer.daemon = True
    timer.start()
    sys.exit(REQUEUE)
