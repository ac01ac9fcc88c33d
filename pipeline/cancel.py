"""`python -m pipeline.cancel OUT`: end this output's Slurm jobs and no others."""

from pathlib import Path
from typing import Annotated

import typer

from jobs.errors import InputError
from pipeline import console
from pipeline.submit import queue

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(out: Annotated[Path, typer.Argument(help="Output folder of a launch.")]) -> None:
    """Cancel the waiting and running jobs of one output folder. What is done stays."""
    try:
        if not queue.slurm_is_here():
            raise InputError("this machine has no Slurm, so there are no jobs to cancel")
        jobs = queue.queued(out.absolute())
        queue.cancel([job.id for job in jobs])
    except InputError as error:
        console.complain(str(error))
        raise typer.Exit(2) from None
    console.say(f"{len(jobs)} jobs of {out} cancelled; the same launch goes on from what is done")


if __name__ == "__main__":
    app()
