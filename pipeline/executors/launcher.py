"""What a launcher on this machine owes to what else works there."""

import signal

from jobs.data.workspace import Workspace
from jobs.errors import InputError
from pipeline.executors import queue, slurm_command
from pipeline.executors.records import JobRecord


def end_with_children() -> None:
    """Let a signal that ends this process end its local jobs as well, as Ctrl-C does."""
    for ending in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, _interrupt)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def require_no_jobs(workspace: Workspace) -> None:
    """Refuse to work here on what Slurm jobs are working on.

    Raises:
        InputError: says how to end them.
    """
    root = workspace.root
    if JobRecord.load_all(workspace) and slurm_command.slurm_answers() and queue.queued(root):
        raise InputError(
            f"Slurm jobs of {root} are queued or running; wait for them, or end them with "
            f"`python -m pipeline.cancel {root}`"
        )
