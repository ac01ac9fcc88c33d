"""`python -m pipeline.launch --grid grids/lr_bs.yaml`: from MP3s to submission.csv."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from jobs.data.recordings import RecordingHashes
from jobs.errors import InputError
from jobs.ownership import owning
from pipeline.command import EXIT_FAILED, command
from pipeline.executors.arrays import require_cheap
from pipeline.executors.choosing import Executor, choose_executor, choose_site
from pipeline.executors.here import ExecutorName, Skipped, run_stages
from pipeline.executors.launcher import end_with_children, require_no_jobs
from pipeline.executors.limits import DEFAULT_MAX_ARRAY, max_array
from pipeline.executors.slurm import Submission
from pipeline.monitoring.memory import record_out_of_memory
from pipeline.monitoring.overview import overview
from pipeline.pages import launch_page, plan_page, summary
from pipeline.planning.canary import canary_of
from pipeline.planning.grid import read_grid
from pipeline.planning.opening import (
    choose_data,
    choose_output,
    open_plan,
    open_plan_on_a_login_node,
)
from pipeline.planning.plan import OpenedPlan
from pipeline.planning.space import is_local_to_a_node, make_writable, require_space
from pipeline.stages.graph import remaining


def main(
    grid: Annotated[Path, typer.Option(help="YAML grid: which runs to train.")],
    data: Annotated[
        Path | None, typer.Option(help="Data folder. Default: the grid's `data`, then ./data.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Output folder. Default: work/<grid name>.")
    ] = None,
    executor: Annotated[
        Executor,
        typer.Option(
            help="slurm: as jobs of a cluster. debug: in this process. local: in parallel "
            "processes of this machine. auto: slurm where it answers, else debug."
        ),
    ] = Executor.auto,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Set this for all runs; may be repeated."),
    ] = None,
    site: Annotated[
        str | None,
        typer.Option(help="A site in slurm/sites by its name, or a file. Default: by this host."),
    ] = None,
    site_settings: Annotated[
        list[str] | None,
        typer.Option("--site-set", metavar="KEY=VALUE", help="Override a field of the site."),
    ] = None,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Local jobs at once. Default: what the CPUs allow.")
    ] = None,
    retry_oom: Annotated[
        bool, typer.Option("--retry-oom", help="Move runs that were out of memory up a tier.")
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse data with a clip that cannot be decoded.")
    ] = False,
    outside: Annotated[
        bool, typer.Option("--outside", help="Allow clips outside of the data folder.")
    ] = False,
    rehash: Annotated[
        bool, typer.Option("--rehash", help="Read every recording again to see if it changed.")
    ] = False,
    plan: Annotated[
        bool, typer.Option("--plan", help="Show runs, stages and costs; start and write nothing.")
    ] = False,
    verbose: Annotated[
        bool, typer.Option("-v", help="With --plan, show the text of each batch script too.")
    ] = False,
    canary: Annotated[
        bool, typer.Option("--canary", help="Let a small launch go first; the rest waits for it.")
    ] = False,
    max_gpu_hours: Annotated[
        float | None, typer.Option(min=0, help="Refuse a launch that may cost more than this.")
    ] = None,
) -> int:
    """Extract features, train every run of a grid, let the best checkpoints vote.

    The same command again does only what is missing.
    """
    flags = {"strict": strict, "outside": outside}
    overrides = [*(settings or []), *(f"{name}=true" for name, said in flags.items() if said)]
    read = read_grid(grid, overrides)
    launch_page.dropped(read)
    workspace = choose_output(read, out)
    where = choose_executor(executor, workspace, planning=plan, site=site)
    chosen, notes = choose_site(where, site, site_settings or [], planning=plan)
    if where is Executor.slurm and is_local_to_a_node(workspace.root):
        notes.append(f"{workspace.root} is probably local to this node; nodes must share --out")
    launch_page.notes(notes)
    chosen.let_readers_in()
    if not plan:
        make_writable(workspace)
    # To plan is to know what exists, so recordings are hashed even for --plan; it keeps nothing.
    hashes = RecordingHashes(workspace.recordings, rehash, may_write=not plan)
    folder = choose_data(read, data)
    if where is Executor.slurm:
        opened = open_plan_on_a_login_node(read, folder, workspace, chosen, hashes, overrides)
    else:
        opened = open_plan(read, folder, workspace, chosen, hashes)
    if plan:
        launch_page.data(opened)
        launch_page.runs(read, len(opened.split.folds))
    launch_page.validation(opened)
    most_tasks = max_array(chosen) if where is Executor.slurm else DEFAULT_MAX_ARRAY
    most_hours = math.inf if max_gpu_hours is None else max_gpu_hours
    if plan:
        on_slurm = where is Executor.slurm
        for each in (canary_of(read, opened), opened) if canary and on_slurm else (opened,):
            plan_page.stages(each, most_tasks, on_slurm, verbose)
        require_cheap(plan_page.planned_arrays(opened, remaining(opened), most_tasks), most_hours)
        return 0
    if where is not Executor.slurm:
        if canary:
            raise InputError("--canary is for Slurm; here, `grids/smoke.yaml` takes a minute")
        return _launch(opened, where, jobs)
    # Submitting takes seconds, so a second launch of the same output waits its turn.
    with owning(opened.workspace.lock("launch"), wait_s=math.inf):
        submission = Submission(opened, max_array=most_tasks)
        if retry_oom:
            submission.after_oom = _out_of_memory(opened)
        small = canary_of(read, opened) if canary else None
        return _launch_on_slurm(submission, small, most_hours)


def _launch(opened: OpenedPlan, executor: Executor, jobs: int | None) -> int:
    end_with_children()
    with owning(opened.workspace.lock("launch"), wait_s=0):
        return _launch_here(opened, executor, jobs)


def _launch_here(opened: OpenedPlan, executor: Executor, jobs: int | None) -> int:
    """Do what is missing and say what became of it; return the exit code."""
    require_no_jobs(opened.workspace)
    opened.workspace.remove_abandoned_temporaries()
    stages = remaining(opened)
    require_space(opened, stages)
    for work in stages:
        if said := work.stage.impossible_here(opened, work.items):
            raise InputError(said)
    opened = replace(opened)  # of rungs it must not remember that they were undecided
    # Tasks read the plan from disk, in this process too: one way for all executors.
    opened.save()
    launch_page.introduce(opened, stages)
    kind: ExecutorName = "local" if executor is Executor.local else "debug"
    outcomes = run_stages(opened, stages, kind, jobs, launch_page.started)
    failed = [each for each in outcomes if launch_page.ended(opened, each)]
    # A shard that failed and was healed by the index is no failure any more.
    missing = {(work.name, item) for work in remaining(opened) for item in work.items}
    failed = [each for each in failed if isinstance(each, Skipped) or each.key in missing]
    try:
        summary.show(opened)
    finally:  # whatever cannot be shown, what failed is said
        launch_page.failures(opened, failed)
    return EXIT_FAILED if failed else 0


def _launch_on_slurm(
    submission: Submission[OpenedPlan], canary: OpenedPlan | None, most_hours: float
) -> int:
    """Submit what is missing and not queued; no process stays behind."""
    opened = submission.opened
    # First the queue, then the files: an item that is done in between is seen as done, while the
    # other way round it could be seen as neither queued nor done, and be submitted twice.
    submission.look()
    if opened.ladder.rungs:
        record_out_of_memory(opened)
    stages = remaining(opened)
    require_space(opened, stages)
    launch_page.introduce(opened, stages)
    first = Submission(canary, max_array=submission.max_array) if canary is not None else None
    of_canary = first.planned(remaining(canary)) if first and canary else []
    require_cheap([*of_canary, *submission.planned(stages)], most_hours)
    submission.require_accepted(stages)
    # Only now: what Slurm refuses is no plan of this output.
    opened.save()
    if not any(work.items for work in stages):
        summary.show(opened)
        return 0
    if first is not None:
        submission.after = _canary_jobs(first)
    submission.submit(stages)
    launch_page.submitted(submission)
    return EXIT_FAILED if submission.refused else 0


def _canary_jobs(submission: Submission[OpenedPlan]) -> tuple[str, ...]:
    """Submit what is missing of a canary; return the jobs that it still has to do."""
    make_writable(submission.workspace)
    submission.look()
    submission.opened.save()
    submission.submit(remaining(submission.opened))
    if submission.refused:
        raise InputError(f"the canary was submitted only in part: {submission.refused.said}")
    launch_page.canary(submission)
    return submission.alive_jobs


def _out_of_memory(opened: OpenedPlan) -> frozenset[tuple[str, int]]:
    """Return the (stage, item) whose last attempt ran out of memory."""
    if not opened.workspace.plan.exists():
        return frozenset()
    return frozenset(
        (item.stage, item.number)
        for item in overview(opened).items
        if item.failure and item.failure.is_out_of_memory
    )


app = command(main)

if __name__ == "__main__":
    app()
