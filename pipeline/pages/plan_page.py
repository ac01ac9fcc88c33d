"""What a launch would do, and what that may cost: shown before anything is started."""

import os
from collections.abc import Sequence

from jobs.errors import InputError
from jobs.words import count
from pipeline.executors import sbatch
from pipeline.executors.arrays import Array, arrays_of, hours
from pipeline.pages import console
from pipeline.planning.likely import EpochTimes
from pipeline.planning.plan import OpenedPlan
from pipeline.planning.quota import quota_of
from pipeline.planning.space import files_needed
from pipeline.stages.graph import remaining
from pipeline.stages.stage import AnyStage, Work


def planned_arrays(opened: OpenedPlan, works: Sequence[Work], max_array: int) -> list[Array]:
    """Return the arrays that a launch onto Slurm would submit, if nothing is queued yet."""
    return [a for work in works for a in arrays_of(opened, work.stage, work.items, max_array)]


def stages(opened: OpenedPlan, max_array: int, on_slurm: bool, verbose: bool) -> None:
    """Show the graph with what is left to do, what each task asks for, and what it may cost.

    Args:
        opened: the plan.
        max_array: how many tasks an array may have.
        on_slurm: whether somebody pays for it.
        verbose: whether the text of each batch script is shown too.
    """
    console.heading(f"Stages, into {opened.workspace.root}")
    works = remaining(opened)
    arrays = planned_arrays(opened, works, max_array)
    rows = []
    for work in works:
        after = _after(opened, work.stage)
        of_stage = [array for array in arrays if array.stage is work.stage]
        to_do = f"{len(work.items)} of {work.total}"
        if not of_stage:
            rows.append((work.name, to_do, after, "", "", work.stage.does))
        for array in of_stage:
            tasks = count(len(array.groups), "task")
            rows.append((work.name, to_do, after, tasks, _asks(array, on_slurm), work.stage.does))
    console.table(("stage", "to do", "after", "in", "each asks for", "what"), rows)
    if on_slurm:
        _costs(opened, arrays)
    files = files_needed(opened, works)
    if opened.workspace.root.parent.is_dir():
        status = os.statvfs(opened.workspace.root.parent)
        free = f"; its file system takes {status.f_favail:,} more" if status.f_files else ""
        console.say(f"  about {files:,} files in the output folder{free}")
        if quota := quota_of(opened.workspace.root.parent):
            console.say(f"  of the quota there {quota}")
    for array in arrays if verbose and on_slurm else ():
        console.heading(f"{array.stage.name}: {count(len(array.groups), 'task')}")
        try:
            text = sbatch.executor(opened, array, None).script(len(array.groups))
        except InputError as error:  # a container whose parts are elsewhere
            console.warn(str(error))
            continue
        console.print_plain(text)
    console.say("Nothing was started.")


def _after(opened: OpenedPlan, stage: AnyStage) -> str:
    """Return what a stage waits for, in words; what the plan does not have is passed over."""
    wait = stage.wait_in(opened)
    if wait is None:
        return ""
    after = f"{wait.on} of {wait.stage.name}"
    return ", ".join([after, *(f"end of {other.name}" for other in stage.also_after)])


def _asks(array: Array, on_slurm: bool) -> str:
    asked = array.request.resources
    kinds = [text for text in (asked.gres, asked.constraint, asked.partition) if text]
    tier = f"{array.request.tier}: " if array.request.tier else ""
    gpus = f", {count(array.gpus, 'GPU')}" if array.gpus else ""
    what = f" ({', '.join(kinds)})" if kinds else ""
    cpus = count(array.cpus, "CPU") if asked.cpus or on_slurm else "all CPUs"
    return f"{tier}{cpus}, {asked.mem_gb:g} GB{gpus}{what}, {asked.timeout_min} min"


def _costs(opened: OpenedPlan, arrays: Sequence[Array]) -> None:
    cpus, gpus = hours(arrays)
    again = opened.plan.site.max_requeues + 1
    console.say(
        f"  at most {cpus:,.1f} CPU-hours and {gpus:,.1f} GPU-hours: each task's time limit, once"
    )
    console.say(
        f"  at most {cpus * again:,.1f} and {gpus * again:,.1f} if every task were requeued "
        f"{count(again - 1, 'time')}"
    )
    percent = opened.plan.site.min_gpu_percent
    if percent and any(a.gpus and a.stage.items_per_job(opened) == 1 for a in arrays):
        console.warn(
            f"this site cancels jobs that use less than {percent} % of their GPU, and small nets "
            "do; several runs share one with `runs_per_gpu` in the grid"
        )
    if (likely := _likely_gpu_hours(opened, arrays)) is not None:
        console.say(f"  most likely {likely:,.2f} GPU-hours, as earlier runs of these nets took")


def _likely_gpu_hours(opened: OpenedPlan, arrays: Sequence[Array]) -> float | None:
    """Return what the runs will most likely take; None unless something like each has run."""
    times, total = EpochTimes(opened.workspace, len(opened.dataset.labelled)), 0.0
    for array in arrays:
        if not array.gpus:
            continue
        for group in array.groups:
            runs = [array.stage.run_of(opened, item) for item in group]
            seconds = [times.of(run.config) if run else None for run in runs]
            known = [each for each in seconds if each is not None]
            if len(known) < len(seconds):
                return None
            total += array.gpus * max(known) / 3600  # those that share a job run side by side
    return total or None
