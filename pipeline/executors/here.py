"""Run the stages from this process, through submitit's debug or local executor."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import submitit

from jobs.data.workspace import Workspace
from jobs.errors import InputError
from jobs.process import python_path
from jobs.trust import make_private
from pipeline.executors.entry import LocalExecutor, unpickle_only_ours
from pipeline.executors.sharing import grouped, work_of
from pipeline.monitoring.failure_note import TIMED_OUT, FailureNote
from pipeline.planning.resources import cpus_available
from pipeline.stages.graph import missing_of
from pipeline.stages.stage import Opened, Work

ExecutorName = Literal["debug", "local"]
POLL_S = 0.2
Ended = tuple[int, FailureNote | None]


@dataclass(frozen=True)
class Outcome:
    """How one item of a stage ended; `failure` is None if it ended well."""

    work: Work
    item: int
    failure: FailureNote | None

    @property
    def key(self) -> tuple[str, int]:
        return self.work.name, self.item


@dataclass(frozen=True)
class Skipped:
    """A stage that was not started, and why."""

    work: Work
    reason: str


def run_stages(
    opened: Opened,
    stages: Sequence[Work],
    executor: ExecutorName,
    at_once: int | None,
    on_start: Callable[[Work], None],
) -> Iterator[Outcome | Skipped]:
    """Run every stage in its order and yield what became of each item.

    Args:
        opened: the plan, saved in its workspace.
        stages: with the items that are left to do.
        executor: debug runs items one by one in this process, local in processes of their own.
        at_once: how many local jobs run at once; None for as many as the CPUs allow.
        on_start: called with each stage before its first item.
    """
    worked: set[str] = set()
    failed: set[str] = set()
    skipped: set[str] = set()
    run = _debug if executor == "debug" else _local
    for work in stages:
        if not work.items:
            continue
        reason = _why_not(work, worked, failed, skipped)
        if reason:
            skipped.add(work.name)
            yield Skipped(work, reason)
            continue
        worked.add(work.name)
        on_start(work)
        for item, failure in run(opened, work, at_once):
            if failure is not None:
                failed.add(work.name)
            yield Outcome(work, item, failure)


def _why_not(work: Work, worked: set[str], failed: set[str], skipped: set[str]) -> str | None:
    """Return why a stage cannot start, or None."""
    wait = work.stage.waits_for
    while wait is not None:
        if wait.stage.name in skipped:
            return f"stage {wait.stage.name} was not started"
        if wait.on == "success" and wait.stage.name in failed:
            return f"stage {wait.stage.name} failed"
        # A stage that had nothing to do does not shield those behind it from one before it.
        if wait.stage.name in worked:
            return None
        wait = wait.stage.waits_for
    return None


def _debug(opened: Opened, work: Work, at_once: int | None) -> Iterator[Ended]:
    executor = _executor(opened.workspace, "debug")
    for group in _groups(opened, work):
        job = _submit(executor, opened, work, group)
        # Not result(): on an exception it opens a debugger, which waits for a keyboard for ever.
        yield from _ended(opened, work, group, job.exception())


def _groups(opened: Opened, work: Work) -> list[list[int]]:
    """Return the items of each job: some may share one."""
    return grouped(work.items, work.stage.items_per_job(opened))


def _submit(
    executor: submitit.Executor, opened: Opened, work: Work, group: list[int]
) -> "submitit.Job[Any]":
    call, (items,) = work_of([group], work.stage.items_per_job(opened))
    return executor.submit(call, work.name, str(opened.workspace.root), items)


def _ended(
    opened: Opened, work: Work, group: list[int], error: BaseException | None
) -> Iterator[Ended]:
    """Yield each item of a job that has ended, with the note of its failure or None."""
    missing = set(group)
    # Runs that share a job fail alone; the job's exception does not say which, the files do.
    if error is not None and len(group) > 1:
        missing = set(missing_of(opened, work.stage))
    for item in group:
        failed = error is not None and item in missing
        yield item, _note(opened.workspace, work, item, error) if failed else None


def _note(workspace: Workspace, work: Work, item: int, error: BaseException | None) -> FailureNote:
    """Return the note that the task left, else one of what the executor says."""
    written = FailureNote.load(workspace.failure(work.name, item))
    log = workspace.log(work.name, item)
    if written is not None:
        return written
    if error is None or isinstance(error, submitit.core.utils.UncompletedJobError):
        # submitit only says that the job left no result, or that it was not requeued once more.
        timed_out = TIMED_OUT in str(error)
        return FailureNote.out_of_time(log) if timed_out else FailureNote.killed(log)
    return FailureNote.of(error, log)


def _local(opened: Opened, work: Work, at_once: int | None) -> Iterator[Ended]:
    executor = _executor(opened.workspace, "local")
    os.environ.update(python_path())  # submitit's jobs inherit it
    requests = [work.stage.request(opened, item, None, after_oom=False) for item in work.items]
    # Each job sees every GPU, as a job in this process does; by default submitit hides them all.
    # Its time limit would be two minutes.
    executor.update_parameters(
        timeout_min=max(request.resources.timeout_min for request in requests),
        tasks_per_node=1,
        nodes=1,
        gpus_per_node=_gpus(),
    )
    # submitit's local executor starts all jobs at once, so they are handed to it a few at a time.
    waiting = list(reversed(_groups(opened, work)))
    limit = at_once or max(1, cpus_available() // max(map(_cpus(opened, work), waiting)))
    running: list[tuple[list[int], submitit.Job[Any]]] = []
    try:
        while waiting or running:
            while waiting and len(running) < limit:
                group = waiting.pop()
                for item in group:
                    opened.workspace.failure(work.name, item).unlink(missing_ok=True)
                running.append((group, _submit(executor, opened, work, group)))
            for group, job in [each for each in running if each[1].done()]:
                running.remove((group, job))
                yield from _ended(opened, work, group, _exception_of(job))
            time.sleep(POLL_S)
    finally:
        # An interrupted launch takes its jobs along; otherwise they would train on unseen.
        for _, job in running:
            job.cancel(check=False)


def _cpus(opened: Opened, work: Work) -> Callable[[list[int]], int]:
    return lambda group: work.stage.cpus_here(opened, group)


def _gpus() -> int:
    return len([p for p in Path("/dev").glob("nvidia*") if p.name[len("nvidia") :].isdigit()])


def _exception_of(job: "submitit.Job[Any]") -> BaseException | None:
    """Return why an ended job failed, or None."""
    try:
        # submitit waits 15 s for a missing result, in case another node wrote it. Here none did.
        if not job.paths.result_pickle.exists():
            return submitit.core.utils.UncompletedJobError(job.stderr() or "")
        return job.exception()
    except Exception as lost:  # submitit raises kinds of its own when a job left no result
        return lost


def _executor(workspace: Workspace, name: ExecutorName) -> submitit.Executor:
    try:
        make_private(workspace.logs)
        unpickle_only_ours()
        # A folder for each launch: local job ids are process ids, and an old result under the same
        # number would be taken for the new job's.
        folder = workspace.jobs / f"{name}-{time.time_ns()}"
        return LocalExecutor(folder) if name == "local" else submitit.DebugExecutor(folder)
    except OSError as error:
        raise InputError(f"cannot write {workspace.jobs}: {error}") from None
