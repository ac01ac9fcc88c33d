"""The one callable that executors run: strings and integers in, files out."""

import contextlib
import logging
import os
import sys
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from jobs.data.workspace import Workspace
from jobs.errors import InputError
from jobs.plain_text import PlainFormatter
from jobs.trust import keep_others_from_writing, make_private
from pipeline.executors.late_files import opened_after
from pipeline.executors.records import JobRecord
from pipeline.monitoring.failure_note import FailureNote
from pipeline.monitoring.memory import record_out_of_memory
from pipeline.planning.plan import code_hash
from pipeline.planning.resources import cpus_of_this_task
from pipeline.planning.task_facts import Attempt, TaskFacts, job_of_this_task
from pipeline.stages.graph import stage_named

if TYPE_CHECKING:
    from submitit.core.utils import DelayedSubmission

log = logging.getLogger(__name__)


def run(stage: str, workspace: str, index: int, label: str = "") -> None:
    """Do one item of one stage of the plan that lies in `workspace`.

    What is already done is not done again. Whatever the executor, an item's log is
    `logs/<stage>-<index>.log`, and a failure leaves its note beside it.

    Args:
        stage: the name of one of `pipeline.stages.graph.STAGES`.
        workspace: the output folder.
        index: which item of the stage.
        label: begins each line on standard output, where several items write.
    """
    folder = Workspace(Path(workspace))
    # Before all else: whatever happens later, this attempt must be able to save its result.
    remove_stale_saves()
    keep_others_from_writing()
    folder.require_ours()
    with _recorded(folder, stage, index, label) as about:
        found = stage_named(stage)
        on_a_cluster = os.environ.get("SUBMITIT_EXECUTOR") == "slurm"
        opened = opened_after(folder, found) if on_a_cluster else found.open(folder)
        about.append(opened.plan.identity)
        opened.plan.site.let_readers_in()
        # A job may wait for days. New code over an old plan is usually what its user wants (a fix),
        # so it is said and not refused.
        if opened.plan.code != code_hash():
            log.warning("the code has changed since this was launched; going on with the new code")
        if found.asks_how_others_ended:
            record_out_of_memory(opened)
        found.do(opened, index, cpus_of_this_task(found.resources(opened.plan.site)))


def _again(stage: str, workspace: str, index: int) -> "DelayedSubmission":
    """Return the same task: what submitit requeues at a time limit. Nothing is saved here."""
    from submitit.core.utils import DelayedSubmission

    return DelayedSubmission(run, stage, workspace, index)


run.checkpoint = _again  # type: ignore[attr-defined]


def remove_stale_saves() -> None:
    """Remove what an earlier attempt of this job left when it was killed while pickling.

    submitit refuses to save beside it, and every later attempt would fail at its end.
    """
    if not os.environ.get("SUBMITIT_FOLDER"):
        return
    from submitit.core.job_environment import JobEnvironment

    paths = JobEnvironment().paths
    for path in (paths.submitted_pickle, paths.result_pickle):
        path.with_suffix(path.suffix + ".save_tmp").unlink(missing_ok=True)


@contextlib.contextmanager
def _recorded(workspace: Workspace, stage: str, index: int, label: str) -> Iterator[list[str]]:
    """Keep a log of the block, and a note of why it failed if it does.

    Yields:
        A list to which the block adds the identity of its plan, once it has it.
    """
    about: list[str] = []
    make_private(workspace.logs)
    path, log_file = workspace.failure(stage, index), workspace.log(stage, index)
    path.unlink(missing_ok=True)
    # Killed from here on it leaves this and no note, which is how a kill is recognised.
    begun = workspace.begun(stage, index)
    with contextlib.suppress(OSError):  # a full disk is told by what must be written
        begun.touch()
    with _logging_to(log_file, label):
        started = time.time()
        try:
            yield about
        except (Exception, KeyboardInterrupt) as error:
            note = FailureNote.of(error, log_file)
            log.error("failed: %s", note.reason)
            _log_file_only(traceback.format_exc())
            with contextlib.suppress(OSError, InputError):  # a full disk may be the reason
                note.save(path)
            raise
        finally:
            begun.unlink(missing_ok=True)
            _keep_facts(workspace, stage, index, started, "".join(about))


def _keep_facts(workspace: Workspace, stage: str, index: int, started: float, plan: str) -> None:
    """Note when and where this was, for the report: nothing hangs on it."""
    with contextlib.suppress(OSError, InputError):
        job = job_of_this_task()
        record = JobRecord.of_job(workspace, job) if job else None
        submitted = record.submitted if record else None
        attempt = Attempt.ended_now(started, time.time(), submitted, plan)
        TaskFacts.keep(workspace, stage, index, attempt)


class _QuietFile(logging.FileHandler):
    """On a full disk a log line is lost; a traceback for each of them helps nobody."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        return


@contextlib.contextmanager
def _logging_to(path: Path, label: str) -> Iterator[None]:
    """Send the project's log lines to standard output and to `path` (appended)."""
    file = _QuietFile(path, encoding="utf-8")
    file.setFormatter(PlainFormatter("%(asctime)s %(levelname)s %(message)s"))
    console = logging.StreamHandler(sys.stdout)
    console.setFormatter(PlainFormatter("  %(label)s%(message)s", defaults={"label": label}))
    loggers = [logging.getLogger(name) for name in ("jobs", "pipeline")]
    for logger in loggers:
        logger.setLevel(logging.INFO)
        logger.addHandler(file)
        logger.addHandler(console)
        logger.propagate = False
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeHandler(file)
            logger.removeHandler(console)
            logger.propagate = True
        file.close()


def _log_file_only(text: str) -> None:
    for handler in logging.getLogger("pipeline").handlers:
        if isinstance(handler, logging.FileHandler):
            handler.emit(logging.LogRecord("pipeline", logging.ERROR, "", 0, text, None, None))
