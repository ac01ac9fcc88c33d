"""`python -m pipeline.by_hand extract --grid G`: one stage by hand, as the .sbatch files do."""

import enum
from pathlib import Path
from typing import Annotated

import typer

from jobs.errors import BusyError, DamagedFileError, InputError
from jobs.files import remove_abandoned_temporaries
from jobs.ownership import owning
from pipeline import console, task
from pipeline.grid import read_grid
from pipeline.plan import OpenedPlan
from pipeline.prepare import choose_output, open_plan
from pipeline.site import LOCAL, load_site
from pipeline.space import make_writable
from pipeline.stages import AUDIT, EXTRACT, INDEX, TRAIN, VOTE, remaining
from pipeline.submit import queue
from pipeline.submit.slurm import Submission

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


class StageName(enum.Enum):
    """What can be done by hand."""

    extract = EXTRACT
    index = INDEX
    audit = AUDIT
    train = TRAIN
    vote = VOTE


@app.command()
def main(
    stage: Annotated[StageName, typer.Argument(help="What to do.")],
    grid: Annotated[Path, typer.Option(help="YAML grid.")],
    data: Annotated[Path | None, typer.Option(help="As for launch.")] = None,
    out: Annotated[Path | None, typer.Option(help="As for launch.")] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="As for launch.")
    ] = None,
    worker: Annotated[int, typer.Option("--task", min=0, help="Which of the tasks this is.")] = 0,
    of: Annotated[int, typer.Option(min=1, help="How many tasks share the work.")] = 1,
) -> None:
    """Do the share of one task: items k, k + n, k + 2n ... for task k of n.

    What the items are does not depend on the number of tasks, and launch finds what was done.
    """
    try:
        read = read_grid(grid, settings or [])
        opened = open_plan(read, data, choose_output(read, out), load_site(LOCAL))
        _settle(opened)
        failed = _work(opened, stage.value, worker, of)
    except (InputError, BusyError, DamagedFileError) as error:
        console.complain(str(error))
        raise typer.Exit(2) from None
    raise typer.Exit(1 if failed else 0)


def _settle(opened: OpenedPlan) -> None:
    """Write the plan, unless jobs of another plan still work in this output."""
    make_writable(opened.workspace.root)
    with owning(opened.workspace.launch_lock):
        if queue.slurm_answers():
            Submission(opened).look()
        remove_abandoned_temporaries(opened.workspace.root)
        opened.save()


def _work(opened: OpenedPlan, stage: str, worker: int, of: int) -> int:
    """Do this task's items that are missing; return how many failed."""
    if stage == TRAIN:
        _do(opened, INDEX, _missing(opened, INDEX))
    if stage == VOTE:  # nobody has a script for it, and nothing else waits for it
        _do(opened, AUDIT, _missing(opened, AUDIT))
    mine = [item for item in _missing(opened, stage) if item % of == worker]
    return _do(opened, stage, mine)


def _missing(opened: OpenedPlan, stage: str) -> tuple[int, ...]:
    return next(each.items for each in remaining(opened) if each.name == stage)


def _do(opened: OpenedPlan, stage: str, items: tuple[int, ...] | list[int]) -> int:
    failed = 0
    for item in items:
        try:
            task.run(stage, str(opened.workspace.root), item)
        except Exception as error:
            console.complain(f"stage {stage}, item {item}: {error}")
            failed += 1
    return failed


if __name__ == "__main__":
    app()
