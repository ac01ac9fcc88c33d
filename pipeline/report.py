"""`python -m pipeline.report OUT`: what came out, as a page to be looked at."""

from pathlib import Path
from typing import Annotated

import typer
from threadpoolctl import threadpool_limits

from jobs.data.workspace import Workspace
from jobs.errors import InputError
from jobs.ownership import owning
from jobs.report.comparison import write_comparison
from jobs.report.content import Report
from jobs.words import count
from pipeline.command import command
from pipeline.monitoring.overview import overview
from pipeline.pages import console
from pipeline.planning.plan import OpenedPlan
from pipeline.stages.graph import stages_of_plan
from pipeline.stages.report import REPORT, made_from_of, write_report
from pipeline.stages.report_content import report_of


def main(
    out: Annotated[
        list[Path], typer.Argument(help="Output folder of a launch, finished or not; or two.")
    ],
    to: Annotated[Path, typer.Option(help="With two outputs: where the comparison goes.")] = Path(
        "comparison.html"
    ),
) -> None:
    """Write report.html and report.json anew. Of a launch that has not ended, what is there.

    Of two outputs a page that shows them side by side.
    """
    if len(out) > 2:
        raise InputError("give one output folder, or two to be compared")
    workspaces = [_make(path.absolute()) for path in out]
    if len(workspaces) == 2:
        names = [str(path) for path in out]
        reports = [Report.load(workspace.report_numbers) for workspace in workspaces]
        write_comparison(to, list(zip(names, reports, strict=True)))
        console.say(f"{to}: both side by side; open it in a browser")


def _make(out: Path) -> Workspace:
    """Make the report of one output."""
    opened = OpenedPlan.load(Workspace(out))
    with owning(opened.workspace.lock(REPORT.name)), threadpool_limits(1):
        missing = [
            f"{item.stage}, {item.title}: {item.state}{f', {item.detail}' if item.detail else ''}"
            for item in overview(opened).items
            if item.state != "done" and item.stage != REPORT.name
        ]
        # Of an unfinished launch the last stage makes another one.
        made_from = "" if missing else made_from_of(opened)
        write_report(opened, report_of(opened, stages_of_plan(opened), missing, made_from))
    size = opened.workspace.report.stat().st_size
    console.say(f"{opened.workspace.report}: {size / 1e6:.1f} MB; open it in a browser")
    if missing:
        console.warn(f"not done: {count(len(missing), 'item')}; the page shows what is there")
    return opened.workspace


app = command(main)

if __name__ == "__main__":
    app()
