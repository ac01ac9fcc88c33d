"""`python -m pipeline.cancel OUT`: end this output's Slurm jobs and no others."""

from pathlib import Path
from typing import Annotated

import typer

from jobs.errors import InputError
from jobs.words import count
from pipeline.command import command
from pipeline.executors import queue, slurm_command
from pipeline.pages import console
from pipeline.planning.canary import canary_workspace


def main(out: Annotated[Path, typer.Argument(help="Output folder of a launch.")]) -> None:
    """Cancel the waiting and running jobs of one output folder. What is done stays."""
    if not slurm_command.slurm_is_here():
        raise InputError("this machine has no Slurm, so there are no jobs to cancel")
    cancelled = 0
    # The canary last: what waits for it would otherwise be cancelled as if it had failed.
    for root in (out.absolute(), canary_workspace(out.absolute()).root):
        # Those that end just now as well: one that is being requeued looks the same.
        jobs = queue.queued(root)
        queue.cancel(root, [job.id for job in jobs])
        cancelled += len(jobs)
    console.say(
        f"{count(cancelled, 'job')} of {out} cancelled; the same launch goes on from what is done"
    )


app = command(main)

if __name__ == "__main__":
    app()
