"""`python -m pipeline.by_hand extract --grid G`: stages by hand, as slurm/*.sbatch do."""

from pathlib import Path
from typing import Annotated

import typer

from jobs.errors import InputError
from jobs.ownership import owning
from jobs.schema import nearest
from pipeline.command import EXIT_FAILED, command
from pipeline.executors import queue, task
from pipeline.executors.slurm import Submission
from pipeline.monitoring.failure_note import FailureNote
from pipeline.pages import console
from pipeline.planning.grid import read_grid
from pipeline.planning.opening import choose_data, choose_output, open_plan
from pipeline.planning.plan import OpenedPlan
from pipeline.planning.site import LOCAL, load_site
from pipeline.planning.space import make_writable
from pipeline.stages.graph import STAGES, missing_of, stages_of
from pipeline.stages.stage import Stage

NAMES = tuple(dict.fromkeys([each.script for each in STAGES] + [each.name for each in STAGES]))


def main(
    what: Annotated[str, typer.Argument(help=f"One of {', '.join(NAMES)}.")],
    grid: Annotated[Path, typer.Option(help="YAML grid.")],
    data: Annotated[Path | None, typer.Option(help="As for launch.")] = None,
    out: Annotated[Path | None, typer.Option(help="As for launch.")] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="As for launch.")
    ] = None,
    number: Annotated[int, typer.Option("--task", min=0, help="Which of the tasks this is.")] = 0,
    of: Annotated[int, typer.Option(min=1, help="How many tasks share the work.")] = 1,
) -> int:
    """Do the share of one task: of n tasks, task k does the items k, k + n, k + 2n ...

    What the items are does not depend on the number of tasks, and launch finds what was done.
    """
    if what not in NAMES:
        raise InputError(f"there is no stage '{what}'; {nearest(what, NAMES)}")
    read = read_grid(grid, settings or [])
    workspace = choose_output(read, out)
    make_writable(workspace)
    opened = open_plan(read, choose_data(read, data), workspace, load_site(LOCAL))
    _settle(opened)
    failed: set[str] = set()
    for stage in stages_of(what):
        wait = stage.waits_for
        if wait and wait.on == "success" and wait.stage.name in failed:
            console.complain(f"stage {stage.name} is not started: stage {wait.stage.name} failed")
            failed.add(stage.name)
        elif _do(opened, stage, number, of):
            failed.add(stage.name)
    return EXIT_FAILED if failed else 0


def _settle(opened: OpenedPlan) -> None:
    """Write the plan, unless jobs of another plan still work in this output."""
    with owning(opened.workspace.lock("launch")):
        if queue.slurm_answers():
            Submission(opened).look()
        opened.workspace.remove_abandoned_temporaries()
        opened.save()


def _do(opened: OpenedPlan, stage: Stage, number: int, of: int) -> int:
    """Do this task's share of what is missing of a stage; return how many items failed."""
    failed = 0
    # A single item is done by whichever task comes first; the others wait for it and see it done.
    is_shared = stage.total(opened) > 1
    for item in missing_of(opened, stage):
        if is_shared and item % of != number:
            continue
        try:
            task.run(stage.name, str(opened.workspace.root), item)
        except Exception as error:
            note = FailureNote.load(opened.workspace.failure(stage.name, item))
            reason = (note or FailureNote.of(error)).reason
            title = stage.title(opened, item)
            named = stage.name if title == stage.name else f"{stage.name}, {title}"
            console.complain(f"stage {named}: {reason}")
            failed += 1
    return failed


app = command(main)

if __name__ == "__main__":
    app()
