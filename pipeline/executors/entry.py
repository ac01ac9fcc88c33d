"""What a job starts: submitit's own entry, which here unpickles only what its user wrote.

A job waits for hours in the queue, and its pickle on a disk that a group may share. Whoever can
exchange the pickle lets the job run their code, under the name of whoever launched.
"""

import pickle
import shlex
import sys
from pathlib import Path
from typing import Any

import submitit
from submitit.core import utils
from submitit.core.submission import submitit_main

from jobs.errors import PipelineError
from jobs.trust import read_ours


def unpickle_only_ours() -> None:
    """Let submitit, in this process, load no pickle that anybody else could have written."""
    utils.pickle_load = _load


def _load(filename: str | Path) -> Any:
    return pickle.loads(read_ours(Path(filename)))


class StartsHere:
    """Starts this module and not submitit's in a job."""

    python: str
    folder: Path

    @property
    def _submitit_command_str(self) -> str:
        return f"{self.python} -u -m pipeline.executors.entry {shlex.quote(str(self.folder))}"


class LocalExecutor(StartsHere, submitit.LocalExecutor):
    """submitit's, whose jobs start here."""


def main() -> None:
    """Do the job whose folder of pickles is the only argument."""
    from pipeline.executors.slurm_executor import requeue_by_batch_script

    unpickle_only_ours()
    requeue_by_batch_script()
    try:
        submitit_main()
    except PipelineError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
