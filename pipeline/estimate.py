"""`python -m pipeline.estimate OUT`: what a test should give, and what speaks against it."""

from pathlib import Path
from typing import Annotated

import typer

from jobs.data.workspace import Workspace
from jobs.errors import NotReadyError
from jobs.vote.estimate.artefact import Estimate
from pipeline.command import command
from pipeline.pages import console, estimate_page
from pipeline.planning.plan import OpenedPlan
from pipeline.stages.estimate import ESTIMATE


def main(
    out: Annotated[Path, typer.Argument(help="Output folder of a launch that has voted.")],
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Show the estimate of an output; make it, in seconds, where it is missing or old."""
    opened = OpenedPlan.load(Workspace(out.absolute()))
    for item in ESTIMATE.missing(opened):
        ESTIMATE.do(opened, item, cpus=1)
    estimate = Estimate.load(opened.workspace.estimate)
    if estimate is None:
        raise NotReadyError(f"{out} has no estimate: no run has a checkpoint that votes")
    if as_json:
        console.print_plain(estimate.model_dump_json(indent=2))
    else:
        estimate_page.show(estimate)


app = command(main)

if __name__ == "__main__":
    app()
