"""Several runs in one job, sharing its GPU: a process for each, of which one may fail alone."""

import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jobs.data.workspace import Workspace
from jobs.errors import InputError, PipelineError
from jobs.process import REPOSITORY
from pipeline.executors import task
from pipeline.monitoring.failure_note import FailureNote

if TYPE_CHECKING:
    from submitit.core.utils import DelayedSubmission

# Slurm's warnings go to all processes of a job, and the executor in the parent answers them. They
# are ignored from the start: importing takes seconds.
PROGRAM = """\
import signal
for number in (signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2):
    signal.signal(number, signal.SIG_IGN)
from pipeline.executors.sharing import main
main()
"""


def grouped(items: Iterable[int], size: int) -> list[list[int]]:
    """Return the items in groups of `size`; the last may be smaller."""
    items = list(items)
    return [items[start : start + size] for start in range(0, len(items), size)]


def work_of(groups: Sequence[Sequence[int]], size: int) -> tuple[Callable[..., None], list[Any]]:
    """Return what each job is to call, and with which items, where groups have `size`."""
    if size == 1:
        return task.run, [group[0] for group in groups]
    return run_sharing, [list(group) for group in groups]


def run_sharing(stage: str, workspace: str, items: Sequence[int]) -> None:
    """Run items of a stage at the same time, each in a process of its own.

    All are waited for. Each has its log and, if it fails, its reason, as if it were alone.

    Raises:
        InputError: says which of them failed.
    """
    task.remove_stale_saves()
    Workspace(Path(workspace)).require_ours()
    for item in items:  # what an earlier attempt said
        Workspace(Path(workspace)).failure(stage, item).unlink(missing_ok=True)
    processes = {item: _start(stage, workspace, item) for item in items}
    failed = []
    for item, process in processes.items():
        code = process.wait()
        if code:
            failed.append(item)
            _note_death(Workspace(Path(workspace)), stage, item, code)
    if failed:
        named = ", ".join(map(str, failed))
        raise InputError(
            f"{len(failed)} of {len(items)} items that shared this job failed: {stage} {named}; "
            "the others ended well"
        )


def _again(stage: str, workspace: str, items: Sequence[int]) -> "DelayedSubmission":
    """Return the same task: what submitit requeues at a time limit. Nothing is saved here."""
    from submitit.core.utils import DelayedSubmission

    return DelayedSubmission(run_sharing, stage, workspace, items)


run_sharing.checkpoint = _again  # type: ignore[attr-defined]


def _start(stage: str, workspace: str, item: int) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-c", PROGRAM, stage, workspace, str(item)]
    # The open pipe is our life line: whoever reads its end knows that we are gone.
    return subprocess.Popen(command, stdin=subprocess.PIPE, cwd=REPOSITORY)


def _note_death(workspace: Workspace, stage: str, item: int, code: int) -> None:
    """Write down why a process ended that could not say so itself."""
    path, log = workspace.failure(stage, item), workspace.log(stage, item)
    if code > 0 and path.exists():
        return
    note = FailureNote.killed(log)
    if code > 0:
        note = FailureNote(kind="error", reason=f"its process ended with exit code {code}")
    with contextlib.suppress(OSError, InputError):
        note.save(path)


def _end_with_parent() -> None:
    """End this process once the one that started it is gone, however that ended."""

    def wait() -> None:
        # Not through sys.stdin: Python cannot end while a thread holds its lock.
        while os.read(0, 1):
            pass
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def main() -> None:
    """Do one item; the arguments are stage, workspace and item."""
    stage, workspace, item = sys.argv[1:]
    _end_with_parent()
    try:
        task.run(stage, workspace, int(item), label=f"{stage} {item}: ")
    except PipelineError:
        sys.exit(1)  # the reason is in the log and beside it
