"""What every item of a plan is doing: from our own files, one squeue call and one sacct call."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from jobs.errors import InputError, PipelineError
from jobs.ownership import is_owned
from pipeline.executors import queue, slurm_command
from pipeline.executors.records import JobRecord, latest_jobs
from pipeline.monitoring.cause import failure_of
from pipeline.monitoring.failure_note import UPSTREAM, FailureNote
from pipeline.monitoring.slurm_words import why_waiting
from pipeline.planning.canary import canary_workspace
from pipeline.planning.plan import OpenedPlan
from pipeline.stages.graph import remaining, stage_named
from pipeline.stages.stage import Opened, Work

State = Literal["done", "running", "waiting", "unknown", "failed", "open"]


@dataclass(frozen=True)
class Item:
    """One item of a stage and how it stands."""

    stage: str
    number: int
    title: str
    state: State
    detail: str = ""
    job: str | None = None
    tier: str | None = None
    log: Path | None = None
    failure: FailureNote | None = None


@dataclass(frozen=True)
class Overview:
    """All items of a plan; `notes` say what could not be asked."""

    items: list[Item]
    notes: list[str]

    def of(self, stage: str) -> list[Item]:
        return [item for item in self.items if item.stage == stage]

    @property
    def is_moving(self) -> bool:
        return any(item.state in ("running", "waiting", "unknown") for item in self.items)


def overview_of(opened: Opened, stages: Sequence[Work]) -> Overview:
    """Return how every item stands. Files decide what is done; Slurm says what the rest does.

    Args:
        opened: the plan.
        stages: with what is missing.
    """
    notes: list[str] = []
    records = JobRecord.load_all(opened.workspace)
    latest = latest_jobs(records, opened.plan.identity)
    queued = _queued(opened, bool(records), notes)
    # Only of jobs that are neither queued nor done does anybody need to know how they ended: one
    # sacct call for all of them, because each takes the accounting database's time.
    unknown = [
        record.job_of(item)
        for work in stages
        for item in work.items
        if (record := latest.get((work.name, item))) and record.job_of(item) not in (queued or {})
    ]
    ended = queue.ended(unknown) if slurm_command.slurm_is_here() else {}
    if ended is None:
        notes.append("sacct does not answer; causes of failure come from our own files alone")
    items = [
        _item(opened, work, number, latest.get((work.name, number)), queued, ended or {})
        for work in stages
        for number in range(work.total)
    ]
    after_canary = {(name, item) for (name, item), record in latest.items() if record.after}
    failed = bool(after_canary) and _has_failed_canary(opened)
    return Overview(_with_causes(items, after_canary if failed else set()), notes)


def overview(opened: OpenedPlan) -> Overview:
    """Return how every item of a launch stands."""
    return overview_of(opened, remaining(opened))


def _has_failed_canary(opened: Opened) -> bool:
    """Return whether the canary of this output has failed, as far as that can be known."""
    workspace = canary_workspace(opened.workspace.root)
    try:
        return any(item.failure for item in overview(OpenedPlan.load(workspace)).items)
    except PipelineError:  # of an earlier version, or gone
        return False


def _with_causes(items: list[Item], after_failed_canary: set[tuple[str, int]]) -> list[Item]:
    """Name the stage, or the canary, whose failure ended an item that never started."""
    broken = {i.stage for i in items if i.failure and i.failure.kind != "cancelled"}
    return [
        _with_cause(item, broken, (item.stage, item.number) in after_failed_canary)
        for item in items
    ]


def _with_cause(item: Item, broken: set[str], canary_failed: bool) -> Item:
    if item.failure is None or item.failure.reason != UPSTREAM:
        return item
    before = [stage.name for stage in stage_named(item.stage).before() if stage.name in broken]
    if before:
        reason = f"cancelled, because stage {before[0]} failed"
    elif canary_failed:
        reason = "cancelled, because the canary failed; status of its folder `canary` says why"
    else:
        return item
    failure = item.failure.model_copy(update={"reason": reason})
    return replace(item, detail=reason, failure=failure)


def _queued(opened: Opened, submitted: bool, notes: list[str]) -> dict[str, queue.QueuedJob] | None:
    """Return this output's jobs by id; None if squeue does not answer."""
    if not submitted:
        return {}
    if not slurm_command.slurm_is_here():
        notes.append("Slurm's commands are not here, so waiting and running jobs are unknown")
        return None
    try:
        return {job.id: job for job in queue.queued(opened.workspace.root)}
    except InputError as error:
        notes.append(f"squeue does not answer, so waiting and running jobs are unknown ({error})")
        return None


def _item(
    opened: Opened,
    work: Work,
    number: int,
    record: JobRecord | None,
    queued: dict[str, queue.QueuedJob] | None,
    ended: dict[str, queue.EndedJob],
) -> Item:
    job = record.job_of(number) if record else None
    tier = record.tier if record else None
    log = opened.workspace.log(work.name, number)

    def item(state: State, detail: str = "", failure: FailureNote | None = None) -> Item:
        shown = log if log.exists() else None
        title = work.title(opened, number)
        return Item(work.name, number, title, state, detail, job, tier, shown, failure)

    # In this order: files are the truth, then what Slurm says, then what can be guessed.
    if number not in work.items:
        return item("done", work.stage.progress(opened, number, running=False))
    if queued and job in queued:
        if queued[job].is_waiting:
            return item("waiting", why_waiting(queued[job].reason))
        return item("running", work.stage.progress(opened, number, running=True))
    # A job that starts or ends just now may be missing in squeue; sacct's word counts too.
    known = ended.get(job or "")
    if known is not None and known.is_waiting:
        return item("waiting", f"as accounting says ({known.state})")
    if known is not None and known.is_running:
        return item("running", work.stage.progress(opened, number, running=True))
    if record is not None and known is None and queued is None:
        return item("unknown", "squeue does not answer")
    if record is None and is_owned(opened.workspace.lock("launch")):
        # A debug or local launch has no queue to ask; a lock that is held shows where it works.
        if work.stage.is_working_here(opened, number):
            return item("running", work.stage.progress(opened, number, running=True))
        return item("waiting", "a launch on this machine works on it")
    if number in work.repeated:
        return item("open", "to be done again after the stages before it")
    failure = failure_of(opened.workspace, work.name, number, record, known)
    if failure is None:
        is_known = record is None or known is not None
        return item("open", "not started" if is_known else f"accounting knows no job {job} (yet)")
    return item("failed", failure.reason, failure)
