"""Several runs in one job, sharing its GPU: a process for each, of which one may fail alone."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path

from jobs.data.workspace import Workspace
from jobs.errors import InputError
from jobs.files import write_json

ROOT = Path(__file__).parent.parent


def grouped(items: Iterable[int], size: int) -> list[list[int]]:
    """Return the items in groups of `size`; the last may be smaller."""
    items = list(items)
    return [items[start : start + size] for start in range(0, len(items), size)]


def run_together(stage: str, workspace: str, items: Sequence[int]) -> None:
    """Run items of a stage at the same time, each in a process of its own.

    All are waited for. Each has its log and, if it fails, its reason, as if it were alone.

    Raises:
        InputError: says which of them failed.
    """
    processes = {item: _start(stage, workspace, item) for item in items}
    failed = []
    for item, process in processes.items():
        code = process.wait()
        if code:
            failed.append(item)
            _explain(Workspace(Path(workspace)), stage, item, code)
    if failed:
        named = ", ".join(map(str, failed))
        raise InputError(
            f"{len(failed)} of {len(items)} items that shared this job failed: {stage} {named}; "
            "the others ended well"
        )


def _start(stage: str, workspace: str, item: int) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "pipeline.together", stage, workspace, str(item)]
    # The open pipe is our life line: whoever reads its end knows that we are gone.
    return subprocess.Popen(command, stdin=subprocess.PIPE, cwd=ROOT)


def _explain(workspace: Workspace, stage: str, item: int, code: int) -> None:
    """Write down why a process ended that could not say so itself."""
    path = workspace.failure(stage, item)
    if code > 0 and path.exists():
        return
    how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
    if code == -signal.SIGKILL:
        how += ", as the kernel does when memory is used up"
    log = workspace.log(stage, item)
    with contextlib.suppress(OSError, InputError):
        write_json(path, {"reason": f"the run's process {how}; launch again", "log": str(log)})


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
    from pipeline import task

    stage, workspace, item = sys.argv[1:]
    # Slurm warns all processes of a job before its time limit. The parent's executor answers.
    signal.signal(signal.SIGUSR2, signal.SIG_IGN)
    _end_with_parent()
    try:
        task.run(stage, workspace, int(item), label=f"{stage} {item}: ")
    except task.EXPLAINED:
        sys.exit(1)  # the reason is in the log and beside it


if __name__ == "__main__":
    main()
