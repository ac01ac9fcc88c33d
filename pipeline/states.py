"""What every item of a plan is doing: from our own files, one squeue call and one sacct call."""

import csv
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from jobs.errors import DamagedFileError, InputError
from jobs.files import read_json
from jobs.ownership import is_owned
from jobs.progress import duration
from jobs.train.run import Run
from pipeline.failures import Failure, explain
from pipeline.plan import OpenedPlan
from pipeline.stages import STAGES, TRAIN, Stage, remaining
from pipeline.submit import queue
from pipeline.submit.records import JobRecord, latest_jobs, read_records

State = Literal["done", "running", "waiting", "failed", "open"]

# Slurm's reasons for waiting, in words. Others are shown as they are.
WAITING = {
    "Priority": "other jobs come first",
    "Resources": "next in line for free nodes",
    "Dependency": "for an earlier stage",
    "BeginTime": "requeued, starts again in a moment",
    "JobArrayTaskLimit": "for other tasks of its array (concurrency)",
    "AssocGrpGRES": "your account's GPU limit is reached",
    "QOSMaxJobsPerUserLimit": "your limit of running jobs is reached",
    "QOSMaxGRESPerUser": "your limit of GPUs is reached",
    "ReqNodeNotAvail": "nodes that fit are down or reserved",
    "PartitionTimeLimit": "asks for more time than its partition allows",
    "JobHeldUser": "held; release it with scontrol release",
    "JobHeldAdmin": "held by an administrator",
    "None": "just queued",
}


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
    failure: Failure | None = None


@dataclass(frozen=True)
class Overview:
    """All items of a plan; `notes` say what could not be asked."""

    items: list[Item]
    notes: list[str]

    def of(self, stage: str) -> list[Item]:
        return [item for item in self.items if item.stage == stage]

    @property
    def is_moving(self) -> bool:
        return any(item.state in ("running", "waiting") for item in self.items)


def overview(opened: OpenedPlan) -> Overview:
    """Return how every item stands. Files decide what is done; Slurm says what the rest does."""
    notes: list[str] = []
    records = read_records(opened.workspace)
    latest = latest_jobs(records, opened.plan.identity)
    queued = _queued(opened, bool(records), notes)
    stages = remaining(opened)
    unknown = [
        record.job_of(item)
        for stage in stages
        for item in stage.items
        if (record := latest.get((stage.name, item))) and record.job_of(item) not in queued
    ]
    ended = queue.ended(unknown) if queue.slurm_is_here() else {}
    if ended is None:
        notes.append("sacct does not answer; causes of failure come from our own files alone")
    items = [
        _item(opened, stage, number, latest.get((stage.name, number)), queued, ended or {})
        for stage in stages
        for number in range(stage.total)
    ]
    return Overview(_with_causes(items), notes)


def _with_causes(items: list[Item]) -> list[Item]:
    """Name the stage whose failure cancelled an item that waited for it."""
    broken = [i.stage for i in items if i.failure and i.failure.kind != "cancelled"]
    explained = []
    for item in items:
        if item.failure and item.failure.kind == "cancelled" and broken:
            reason = f"cancelled, because stage {broken[0]} failed"
            failure = replace(item.failure, reason=reason)
            item = replace(item, detail=reason, failure=failure)
        explained.append(item)
    return explained


def _queued(opened: OpenedPlan, submitted: bool, notes: list[str]) -> dict[str, queue.QueuedJob]:
    if not submitted or not queue.slurm_is_here():
        return {}
    try:
        return {job.id: job for job in queue.queued(opened.workspace.root)}
    except InputError as error:
        notes.append(f"squeue does not answer, so waiting and running jobs are unknown ({error})")
        return {}


def _item(
    opened: OpenedPlan,
    stage: Stage,
    number: int,
    record: JobRecord | None,
    queued: dict[str, queue.QueuedJob],
    ended: dict[str, queue.EndedJob],
) -> Item:
    job = record.job_of(number) if record else None
    tier = record.tier if record else None
    title = stage.title(opened, number)

    def item(state: State, detail: str = "", failure: Failure | None = None) -> Item:
        log = opened.workspace.log(stage.name, number)
        shown = log if log.exists() else None
        return Item(stage.name, number, title, state, detail, job, tier, shown, failure)

    if number not in stage.items:
        return item("done", _progress(opened, stage, number, running=False))
    if job in queued:
        if queued[job].is_waiting:
            reason = queued[job].reason
            return item("waiting", WAITING.get(reason.split(",")[0].strip("()"), reason))
        return item("running", _progress(opened, stage, number, running=True))
    if record is None and is_owned(opened.workspace.launch_lock):
        return item(*_of_a_launch_here(opened, stage, number))
    failure = explain(opened.workspace, stage.name, number, record, ended.get(job or ""))
    if failure is None:
        return item("open", "not started")
    return item("failed", failure.reason, failure)


def _of_a_launch_here(opened: OpenedPlan, stage: Stage, number: int) -> tuple[State, str]:
    """Return how an item of a debug or local launch stands while that launch works."""
    if stage.name == TRAIN:
        run = Run(opened.workspace.run(opened.plan.runs[number].signature))
        if is_owned(run.lock):
            return "running", _progress(opened, stage, number, running=True)
    return "waiting", "a launch on this machine works on it"


def _progress(opened: OpenedPlan, stage: Stage, number: int, running: bool) -> str:
    """Return a run's epoch, accuracy and time left; nothing for other stages."""
    if stage.name != TRAIN:
        return ""
    planned = opened.plan.runs[number]
    run = Run(opened.workspace.run(planned.signature))
    if not running:
        return _best(run)
    try:
        with run.history.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        seconds = sum(float(row["seconds"]) for row in rows[-5:]) / len(rows[-5:])
        left = seconds * (planned.config.epochs - len(rows))
        accuracy = 100 * float(rows[-1]["val_accuracy"])
    except (OSError, KeyError, ValueError, ZeroDivisionError):
        return "before its first epoch ends"
    epochs = f"epoch {len(rows)}/{planned.config.epochs}"
    return f"{epochs}, val {accuracy:.1f} %, about {duration(left)} left"


def _best(run: Run) -> str:
    try:
        outcome = read_json(run.done)
        early = "" if outcome["reason"].startswith("all ") else f"; {outcome['reason']}"
        if outcome["val_accuracy"] is None:
            return f"no checkpoint{early}"
        return f"val {100 * outcome['val_accuracy']:.1f} %, {outcome['epochs']} epochs{early}"
    except (FileNotFoundError, DamagedFileError, KeyError, TypeError, AttributeError):
        return ""


STAGE_NAMES = tuple(rule.name for rule in STAGES)
