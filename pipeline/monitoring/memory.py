"""Which runs ran out of memory, noted while somebody still knows it."""

from pipeline.executors import queue, slurm_command
from pipeline.executors.records import JobRecord, latest_jobs
from pipeline.monitoring.cause import failure_of
from pipeline.monitoring.failure_note import FailureNote
from pipeline.planning.out_of_memory import OutOfMemory
from pipeline.planning.plan import OpenedPlan
from pipeline.stages.graph import remaining


def record_out_of_memory(opened: OpenedPlan) -> None:
    """Add to `OutOfMemory` what notes of tasks, and Slurm, say of this plan's runs.

    Asked of what is missing, whatever else is thought of it: the launch that is at work here may
    itself be one of those that wait.
    """
    latest = latest_jobs(JobRecord.load_all(opened.workspace), opened.plan.identity)
    missing = [
        (work.stage, item, planned)
        for work in remaining(opened)
        for item in work.items
        if (planned := work.stage.run_of(opened, item)) is not None
    ]
    jobs = [
        record.job_of(item)
        for stage, item, _ in missing
        if (record := latest.get((stage.name, item)))
    ]
    ended = (queue.ended(jobs) if slurm_command.slurm_is_here() else None) or {}
    tiers: dict[str, str | None] = {}
    for stage, item, planned in missing:
        record = latest.get((stage.name, item))
        note = FailureNote.load(opened.workspace.failure(stage.name, item))
        # Of runs that share a job, Slurm cannot say which one took the memory.
        if record is not None and record.per_job == 1:
            known = ended.get(record.job_of(item))
            note = failure_of(opened.workspace, stage.name, item, record, known)
        if note is not None and note.is_out_of_memory:
            tiers[planned.signature] = record.tier if record else None
    before = OutOfMemory.load(opened.workspace)
    if tiers and (now := before.with_runs(opened.plan, tiers)) != before:
        now.save(opened.workspace)
