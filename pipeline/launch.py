"""`python -m pipeline.launch --grid grids/lr_bs.yaml`: from MP3s to submission.csv."""

import enum
import shutil
from pathlib import Path
from typing import Annotated

import typer

from jobs.data.layouts import read_data
from jobs.data.workspace import Workspace
from jobs.errors import BusyError, DamagedFileError, InputError
from jobs.files import remove_abandoned_temporaries
from jobs.ownership import owning
from pipeline import console, summary
from pipeline.grid import Grid, read_grid
from pipeline.plan import OpenedPlan, Plan, stored_or_drawn_split
from pipeline.space import make_writable, require_space
from pipeline.stages import Stage, remaining
from pipeline.submit import ExecutorName, Outcome, Skipped, run_stages

DEFAULT_DATA = Path("data")
DEFAULT_OUT = Path("work")
SITE = "local"

EXIT_FAILED, EXIT_BAD_INPUT, EXIT_INTERRUPTED = 1, 2, 130


class Executor(enum.StrEnum):
    """Where jobs run."""

    auto = "auto"
    debug = "debug"
    local = "local"


app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
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
        typer.Option(help="debug: in this process. local: in parallel processes of this machine."),
    ] = Executor.auto,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Set this for all runs; may be repeated."),
    ] = None,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Local jobs at once. Default: what the CPUs allow.")
    ] = None,
    plan: Annotated[
        bool, typer.Option("--plan", help="Show runs and stages; start and write nothing.")
    ] = False,
) -> None:
    """Extract features, train every run of a grid, let the best checkpoints vote.

    The same command again does only what is missing.
    """
    try:
        read = read_grid(grid, settings or [])
        workspace = Workspace((out or DEFAULT_OUT / read.name).absolute())
        if plan:
            _show_runs(read)
        opened = _opened(read, data, workspace)
        if plan:
            _show_stages(opened)
            return
        code = _launch(opened, _executor(executor), jobs)
    except (InputError, BusyError, DamagedFileError) as error:
        console.complain(str(error))
        code = EXIT_BAD_INPUT
    except KeyboardInterrupt:
        console.complain("interrupted; nothing is lost: the same command goes on from here")
        code = EXIT_INTERRUPTED
    raise typer.Exit(code)


def _opened(grid: Grid, data: Path | None, workspace: Workspace) -> OpenedPlan:
    folder = data or (Path(grid.options.data) if grid.options.data else DEFAULT_DATA)
    manifest = read_data(folder)
    return OpenedPlan(workspace, Plan.make(grid, manifest, SITE), manifest)


def _executor(asked: Executor) -> ExecutorName:
    if asked is Executor.auto and shutil.which("sbatch"):
        raise InputError(
            "this machine has sbatch, but launching on Slurm is not built yet. Say --executor "
            "local (inside an allocation) or --executor debug"
        )
    return "local" if asked is Executor.local else "debug"


def _launch(opened: OpenedPlan, executor: ExecutorName, jobs: int | None) -> int:
    """Do what is missing and say what became of it; return the exit code."""
    workspace = opened.workspace
    make_writable(workspace.root)
    with owning(workspace.launch_lock, wait=False):
        remove_abandoned_temporaries(workspace.root)
        stages = remaining(opened)
        require_space(opened, stages)
        opened.save(stored_or_drawn_split(workspace, opened.plan, opened.manifest))
        _introduce(opened, stages)
        ended = run_stages(opened, stages, executor, jobs, _announce)
        failures = [each for each in ended if _report(opened, each)]
    summary.show(opened)
    _recapitulate(opened, failures)
    return EXIT_FAILED if failures else 0


def _introduce(opened: OpenedPlan, stages: list[Stage]) -> None:
    manifest = opened.manifest
    console.say(
        f"{len(manifest.labelled)} training clips of {len(manifest.classes)} classes and "
        f"{len(manifest.test)} test clips in {manifest.root}"
    )
    for stage in stages:
        done = stage.total - len(stage.items)
        console.say(f"  {stage.name:8} {done} of {stage.total} done, {len(stage.items)} to do")
    if not any(stage.items for stage in stages):
        console.say("Nothing to do: everything is there already.", style="green")


def _announce(stage: Stage) -> None:
    console.heading(f"{stage.name}: {stage.rule.does}")


def _report(opened: OpenedPlan, each: Outcome | Skipped) -> bool:
    """Print what is worth saying at once; return True for a failure."""
    if isinstance(each, Skipped):
        console.complain(f"stage {each.stage.name} is not started: {each.reason}")
        return True
    title = each.stage.title(opened, each.item)
    if each.error is None:
        console.say(f"  done: {title}")
        return False
    console.complain(f"stage {each.stage.name}, {title}: {each.error}")
    return True


def _recapitulate(opened: OpenedPlan, failures: list[Outcome | Skipped]) -> None:
    if not failures:
        return
    console.heading(f"{len(failures)} failed")
    for each in failures:
        if isinstance(each, Skipped):
            console.say(f"  stage {each.stage.name}: not started, {each.reason}")
        else:
            title = each.stage.title(opened, each.item)
            console.say(f"  stage {each.stage.name}, {title}: {each.error}")
            console.say(f"    log: {each.log}")
    console.say("  Once the cause is gone, the same command does what is missing.")


def _show_runs(grid: Grid) -> None:
    console.heading(f"{len(grid.entries)} runs of {grid.path}")
    rows = [
        (str(number), entry.name, _differences(entry.config.differences()))
        for number, entry in enumerate(grid.entries)
    ]
    console.table(("#", "run", "differs from the defaults in"), rows)
    for name in grid.dropped:
        console.warn(f"--set makes '{name}' equal to an earlier run; it is trained once")


def _differences(settings: dict[str, object]) -> str:
    return " ".join(f"{key}={value}" for key, value in settings.items()) or "nothing"


def _show_stages(opened: OpenedPlan) -> None:
    console.heading(f"Stages, into {opened.workspace.root}")
    rows = [
        (
            stage.name,
            f"{len(stage.items)} of {stage.total}",
            f"{stage.rule.edge.on} of {stage.rule.edge.after}" if stage.rule.edge else "",
            stage.rule.does,
        )
        for stage in remaining(opened)
    ]
    console.table(("stage", "to do", "after", "what"), rows)
    console.say("Nothing was started.")


if __name__ == "__main__":
    app()
