"""Run the stages from this process, through submitit's debug or local executor."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import submitit

from jobs.data.workspace import Workspace
from jobs.errors import DamagedFileError, InputError
from jobs.files import read_json
from pipeline import task
from pipeline.plan import OpenedPlan
from pipeline.site import Resources
from pipeline.stages import TRAIN, Stage, remaining
from pipeline.together import grouped, items_per_job, work_of

ExecutorName = Literal["debug", "local"]
POLL_S = 0.2


@dataclass(frozen=True)
class Outcome:
    """How one item of a stage ended; `error` is None if it ended well."""

    stage: Stage
    item: int
    error: str | None
    log: Path

    @property
    def key(self) -> tuple[str, int]:
        return self.stage.name, self.item


@dataclass(frozen=True)
class Skipped:
    """A stage that was not started, and why."""

    stage: Stage
    reason: str


def run_stages(
    opened: OpenedPlan,
    stages: Sequence[Stage],
    executor: ExecutorName,
    at_once: int | None,
    starting: Callable[[Stage], None],
) -> Iterator[Outcome | Skipped]:
    """Run every stage in its order and yield what became of each item.

    Args:
        opened: the plan, saved in its workspace.
        stages: with the items that are left to do.
        executor: debug runs items one by one in this process, local in processes of their own.
        at_once: how many local jobs run at once; None for as many as the CPUs allow.
        starting: told of each stage before its first item.
    """
    failed: set[str] = set()
    skipped: set[str] = set()
    for stage in stages:
        edge = stage.rule.edge
        if not stage.items or edge is None:
            pass
        elif edge.after in skipped or (edge.on == "success" and edge.after in failed):
            skipped.add(stage.name)
            why = "was not started" if edge.after in skipped else "failed"
            yield Skipped(stage, f"stage {edge.after} {why}")
            continue
        if not stage.items:
            continue
        starting(stage)
        run = _debug if executor == "debug" else _local
        for item, error in run(opened, stage, at_once):
            if error is not None:
                failed.add(stage.name)
            yield Outcome(stage, item, error, opened.workspace.log(stage.name, item))


def _debug(
    opened: OpenedPlan, stage: Stage, at_once: int | None
) -> Iterator[tuple[int, str | None]]:
    executor = _executor(opened.workspace, "debug")
    for group in _groups(opened, stage):
        job = _submit(executor, opened, stage, group)
        # Not result(): on an exception it opens a debugger, which waits for a keyboard for ever.
        yield from _errors(opened, stage, group, job.exception())


def _groups(opened: OpenedPlan, stage: Stage) -> list[list[int]]:
    """Return the items of each job: runs may share one."""
    return grouped(stage.items, items_per_job(opened, stage))


def _submit(
    executor: submitit.AutoExecutor, opened: OpenedPlan, stage: Stage, group: list[int]
) -> "submitit.Job[Any]":
    call, (work,) = work_of([group], items_per_job(opened, stage))
    return executor.submit(call, stage.name, str(opened.workspace.root), work)


def _errors(
    opened: OpenedPlan,
    stage: Stage,
    group: list[int],
    error: BaseException | None,
    otherwise: str = "",
) -> Iterator[tuple[int, str | None]]:
    """Yield each item of a job that has ended, and why it failed or None."""
    missing = set(group)
    if error is not None and len(group) > 1:  # the others may have ended well
        missing = {i for each in remaining(opened) if each.name == stage.name for i in each.items}
    for item in group:
        failed = error is not None and item in missing
        yield item, _reason(opened.workspace, stage, item, error, otherwise) if failed else None


def _local(
    opened: OpenedPlan, stage: Stage, at_once: int | None
) -> Iterator[tuple[int, str | None]]:
    resources = opened.plan.site.resources(stage.name)
    executor = _executor(opened.workspace, "local")
    # Each job sees every GPU, as a job in this process does; by default submitit hides them all.
    executor.update_parameters(
        timeout_min=resources.timeout_min, tasks_per_node=1, nodes=1, gpus_per_node=_gpus()
    )
    limit = at_once or _jobs_at_once(opened, stage, resources)
    waiting = list(reversed(_groups(opened, stage)))
    running: list[tuple[list[int], submitit.Job[Any]]] = []
    try:
        while waiting or running:
            while waiting and len(running) < limit:
                group = waiting.pop()
                for item in group:
                    opened.workspace.failure(stage.name, item).unlink(missing_ok=True)
                running.append((group, _submit(executor, opened, stage, group)))
            for ended in [each for each in running if each[1].done()]:
                running.remove(ended)
                yield from _local_errors(opened, stage, *ended)
            time.sleep(POLL_S)
    finally:
        for _, job in running:
            job.cancel(check=False)


def _gpus() -> int:
    return len([p for p in Path("/dev").glob("nvidia*") if p.name[len("nvidia") :].isdigit()])


def _jobs_at_once(opened: OpenedPlan, stage: Stage, resources: Resources) -> int:
    cpus = Resources(mem_gb=1, timeout_min=1).cpus_here()
    each = resources.cpus_here()
    if stage.name == TRAIN:
        each = max(map(opened.plan.threads, _groups(opened, stage)))
    return max(1, cpus // each)


def _local_errors(
    opened: OpenedPlan, stage: Stage, group: list[int], job: "submitit.Job[Any]"
) -> Iterator[tuple[int, str | None]]:
    error: BaseException | None
    try:
        error = job.exception()
    except Exception as lost:  # submitit raises kinds of its own when a job left no result
        error = lost
    died = f"the process died; see {job.paths.stderr}"
    yield from _errors(opened, stage, group, error, died)


def _reason(
    workspace: Workspace, stage: Stage, item: int, error: BaseException | None, otherwise: str = ""
) -> str:
    """Return why an item failed: what the task wrote down, else what the executor says."""
    try:
        reason: str = read_json(workspace.failure(stage.name, item))["reason"]
        return reason
    except (FileNotFoundError, DamagedFileError, KeyError, TypeError):
        explained = str(error) if isinstance(error, task.EXPLAINED) else repr(error)
        return otherwise or explained


def _executor(workspace: Workspace, name: ExecutorName) -> submitit.AutoExecutor:
    try:
        task.make_private(workspace.logs)
        # A folder for each launch: local job ids are process ids, and an old result under the same
        # number would be taken for the new job's.
        folder = workspace.jobs / f"{name}-{time.time_ns()}"
        return submitit.AutoExecutor(folder=folder, cluster=name)
    except OSError as error:
        raise InputError(f"cannot write {workspace.jobs}: {error}") from None
