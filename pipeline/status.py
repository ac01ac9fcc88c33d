"""`python -m pipeline.status OUT`: what waits, runs, is done, or failed and why."""

import json
import time
from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import typer

from jobs.data.workspace import Workspace
from pipeline.command import command
from pipeline.executors.records import JobRecord
from pipeline.monitoring.overview import Item, Overview, State, overview
from pipeline.monitoring.usage import usage_of
from pipeline.pages import console, estimate_page, summary, usage_page
from pipeline.planning.plan import OpenedPlan, PlannedRun
from pipeline.stages.graph import stage_named, stages_of_plan

STATES: tuple[State, ...] = ("done", "running", "waiting", "unknown", "failed", "open")


def main(
    out: Annotated[Path, typer.Argument(help="Output folder of a launch.")],
    watch: Annotated[bool, typer.Option("--watch", help="Refresh until all has ended.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    usage: Annotated[
        bool,
        typer.Option("--usage", help="Memory and time used by jobs, beside those requested."),
    ] = False,
    every: Annotated[float, typer.Option(min=1, help="Seconds between refreshes.")] = 15,
) -> None:
    """Show every stage and run of an output folder: from its files, one squeue and one sacct."""
    if usage:
        usage_page.show(usage_of(JobRecord.load_all(Workspace(out.absolute()))), as_json)
        return
    while True:
        opened = OpenedPlan.load(Workspace(out.absolute()))
        seen = overview(opened)
        if as_json:
            console.print_plain(json.dumps(_as_json(opened, seen), indent=2))
        else:
            _show(opened, seen)
        if not watch or not seen.is_moving:
            return
        try:
            time.sleep(every)
        except KeyboardInterrupt:  # watching ends so, and nothing else does
            return


def _show(opened: OpenedPlan, seen: Overview) -> None:
    console.heading(f"{opened.plan.grid} in {opened.workspace.root}")
    rows = []
    for stage in stages_of_plan(opened):
        counted = Counter(item.state for item in seen.of(stage.name))
        rows.append((stage.name, *(str(counted[s]) if counted[s] else "" for s in STATES)))
    console.table(("stage", *STATES), rows)
    runs = [(item, run) for item in seen.items if (run := _run_of(opened, item))]
    # After a rung another stage goes on with a run: how it stands there is how it stands.
    latest = {run.signature: (item, run) for item, run in runs}
    console.say()
    console.table(
        ("run", "state", "", "tier", "job"),
        [
            (run.name, item.state, item.detail, item.tier or "", item.job or "")
            for item, run in latest.values()
        ],
    )
    shown = {(item.stage, item.number) for item, _ in runs}
    for item in seen.items:
        if (item.stage, item.number) in shown or item.state not in ("failed", "waiting"):
            continue
        console.say(f"  {_named(item)}: {item.state}, {item.detail}")
    _show_failures(seen)
    for note in seen.notes:
        console.warn(note)
    summary.estimate(opened, estimate_page.brief)


def _run_of(opened: OpenedPlan, item: Item) -> PlannedRun | None:
    return stage_named(item.stage).run_of(opened, item.number)


def _named(item: Item) -> str:
    return item.stage if item.title == item.stage else f"{item.stage}, {item.title}"


def _show_failures(seen: Overview) -> None:
    failed = [item for item in seen.items if item.failure]
    if not failed:
        return
    console.heading(f"{len(failed)} failed; the same launch does them again")
    for item in failed:
        console.say(f"  {_named(item)}: {item.detail}")
        if item.failure and item.failure.log:
            console.say(f"    log: {item.failure.log}")


def _as_json(opened: OpenedPlan, seen: Overview) -> dict[str, Any]:
    found = summary.present_estimate(opened)
    return {
        "grid": opened.plan.grid,
        "out": str(opened.workspace.root),
        "stages": {
            stage.name: dict(Counter(item.state for item in seen.of(stage.name)))
            for stage in stages_of_plan(opened)
        },
        "items": [_item_json(opened, item) for item in seen.items],
        "notes": seen.notes,
        "estimate": found.model_dump(mode="json") if found else None,
    }


def _item_json(opened: OpenedPlan, item: Item) -> dict[str, Any]:
    run = _run_of(opened, item)
    return {
        "stage": item.stage,
        "item": item.number,
        "title": item.title,
        "run": run.name if run else None,
        "signature": run.signature if run else None,
        "state": item.state,
        "detail": item.detail,
        "cause": item.failure.kind if item.failure else None,
        "job": item.job,
        "tier": item.tier,
        "log": str(item.log) if item.log else None,
    }


app = command(main)

if __name__ == "__main__":
    app()
