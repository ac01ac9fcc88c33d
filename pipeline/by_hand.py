"""`python -m pipeline.by_hand extract --grid G`: stages by hand, as slurm/*.sbatch do."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from jobs.errors import InputError
from jobs.ownership import owning
from jobs.schema import nearest
from pipeline.command import EXIT_FAILED, command
from pipeline.executors import slurm_command, task
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
    tasks: Annotated[
        str | None,
        typer.Option(help="Ids of an array that is not 0-(n-1), as 1,3,8: item k is of task k."),
    ] = None,
) -> int:
    """Do the share of one task: of n tasks, task k does the items k, k + n, k + 2n ...

    What the items are does not depend on the number of tasks, and launch finds what was done. With
    --tasks each task does the one item of its own number, and nobody the others.
    """
    if what not in NAMES:
        raise InputError(f"there is no stage '{what}'; {nearest(what, NAMES)}")
    read = read_grid(grid, settings or [])
    workspace = choose_output(read, out)
    make_writable(workspace)
    opened = open_plan(read, choose_data(read, data), workspace, load_site(LOCAL))
    stages = [stage for stage in stages_of(what) if stage.is_part_of(opened)]
    if any(stage.follows for stage in stages):
        raise InputError(
            "`halving` trains runs in turns that wait for each other, which tasks by hand do not; "
            "use python -m pipeline.launch, or --set halving=null"
        )
    _settle(opened)
    share = Share(number, of, _ids(tasks) if tasks else None)
    failed: set[str] = set()
    for stage in stages:
        wait = stage.waits_for
        if wait and wait.on == "success" and wait.stage.name in failed:
            console.complain(f"stage {stage.name} is not started: stage {wait.stage.name} failed")
            failed.add(stage.name)
        elif _do(opened, stage, share):
            failed.add(stage.name)
    return EXIT_FAILED if failed else 0


def _settle(opened: OpenedPlan) -> None:
    """Write the plan, unless jobs of another plan still work in this output."""
    with owning(opened.workspace.lock("launch")):
        if slurm_command.slurm_answers():
            Submission(opened).look()
        opened.workspace.remove_abandoned_temporaries()
        opened.save()


def _ids(text: str) -> frozenset[int]:
    if not re.fullmatch(r"\d+(,\d+)*", text):
        raise InputError(f"--tasks {text}: expected numbers with commas, as 1,3,8")
    return frozenset(map(int, text.split(",")))


@dataclass(frozen=True)
class Share:
    """What one task of an array does.

    Attributes:
        number: of the task.
        of: how many tasks share all items.
        tasks: the numbers of all tasks, where each does the item of its own number and no other.
    """

    number: int
    of: int
    tasks: frozenset[int] | None = None

    def has(self, item: int) -> bool:
        return item == self.number if self.tasks is not None else item % self.of == self.number

    def tell(self, opened: OpenedPlan, stage: Stage) -> None:
        """Say which items nobody does, once for all tasks; refuse a number without an item.

        Raises:
            InputError: there is no item of this task's number.
        """
        if self.tasks is None:
            return
        total = stage.total(opened)
        if self.number >= total:
            raise InputError(
                f"task {self.number} has nothing to do: stage {stage.name} has {total} items, 0 to "
                f"{total - 1}"
            )
        if self.number != min(self.tasks):
            return
        left = [stage.title(opened, k) for k in missing_of(opened, stage) if k not in self.tasks]
        if left:
            console.warn(f"left out by this array: {', '.join(left)}")


def _do(opened: OpenedPlan, stage: Stage, share: Share) -> int:
    """Do this task's share of what is missing of a stage; return how many items failed."""
    failed = 0
    # A single item is done by whichever task comes first; the others wait for it and see it done.
    is_shared = stage.total(opened) > 1
    if is_shared:
        share.tell(opened, stage)
    for item in missing_of(opened, stage):
        if is_shared and not share.has(item):
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
