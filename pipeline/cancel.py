"""`python -m pipeline.cancel OUT`: end this output's Slurm jobs and no others."""

from pathlib import Path
from typing import Annotated

import typer

from jobs.errors import InputError
from jobs.words import count
from pipeline.command import command
from pipeline.executors import queue, slurm_command
from pipeline.pages import console


def main(out: Annotated[Path, typer.Argument(help="Output folder of a launch.")]) -> None:
    """Cancel the waiting and running jobs of one output folder. What is done stays."""
    if not slurm_command.slurm_is_here():
        raise InputError("this machine has no Slurm, so there are no jobs to cancel")
    jobs = [job for job in queue.queued(out.absolute()) if not job.is_ending]
    queue.cancel(out.absolute(), [job.id for job in jobs])
    console.say(
        f"{count(len(jobs), 'job')} of {out} cancelled; the same launch goes on from what is done"
    )


app = command(main)

if __name__ == "__main__":
    app()
