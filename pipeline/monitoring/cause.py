"""Why an item failed, from all there is: its own note, Slurm's state, the end of its log.

A task writes its note itself, with the exception in hand. Of one that could not, because it was
killed, the note is made from what Slurm says, or from the mark that it had begun.
"""

from pathlib import Path

from jobs.data.workspace import Workspace
from pipeline.executors.queue import EndedJob
from pipeline.executors.records import JobRecord
from pipeline.monitoring.failure_note import CANCELLED, HOST_MEMORY, TIMED_OUT, FailureNote

TAIL_BYTES = 20_000
# What Slurm's step daemon and submitit write about a job that they end.
MEMORY_SIGNS = ("exceeded memory limit", "oom-kill", "oom_kill", "Out Of Memory")
TIME_SIGNS = (TIMED_OUT, "DUE TO TIME LIMIT")


def failure_of(
    workspace: Workspace,
    stage: str,
    number: int,
    record: JobRecord | None = None,
    ended: EndedJob | None = None,
) -> FailureNote | None:
    """Return why an item that is neither done nor queued ended, or None if it never started.

    Args:
        workspace: where logs and notes lie.
        stage: of the item.
        number: of the item.
        record: its last submission, if it was submitted to Slurm.
        ended: what accounting says of that job, if anything.
    """
    own_log = workspace.log(stage, number)
    log = own_log if own_log.exists() else _stderr(workspace, record, number)
    note = FailureNote.load(workspace.failure(stage, number))
    slurms = _note_of_slurm(record, ended, _tail(_stderr(workspace, record, number)))
    if note is None:
        # One that ended well is missing again because something that it was made from has changed.
        ended_badly = ended is not None and ended.state != "COMPLETED"
        was_killed = ended_badly or workspace.begun(stage, number).exists()
        note = slurms or (FailureNote.killed() if was_killed else None)
    elif slurms and slurms.kind in ("memory", "time") and record and record.per_job == 1:
        # What a process says that is being ended for its memory or time is a consequence.
        note = slurms
    shown = str(log) if log is not None and log.exists() else None
    return note.model_copy(update={"log": shown}) if note else None


def _note_of_slurm(
    record: JobRecord | None, ended: EndedJob | None, stderr: str
) -> FailureNote | None:
    """Return what Slurm knows of a job's end; None if that is nothing."""
    state = ended.state.split()[0] if ended and ended.state else ""
    if state == "OUT_OF_MEMORY" or any(sign in stderr for sign in MEMORY_SIGNS):
        return FailureNote(kind="memory", reason=HOST_MEMORY)
    if state == "TIMEOUT" or any(sign in stderr for sign in TIME_SIGNS):
        return FailureNote.out_of_time()
    if state == "CANCELLED":
        return FailureNote(kind="cancelled", reason=CANCELLED)
    if state in ("NODE_FAIL", "PREEMPTED"):
        return FailureNote(kind="killed", reason=f"lost with its node ({state}); launch again")
    if record is None or "Error: " not in stderr:
        return None
    # It failed before it could write a note: nothing was imported yet, or the disk was full.
    last = next(line for line in reversed(stderr.splitlines()) if line.strip())
    return FailureNote(kind="error", reason=f"it failed before it began: {last[:200]}")


def _stderr(workspace: Workspace, record: JobRecord | None, number: int) -> Path | None:
    """Return where submitit's job sends standard error."""
    return workspace.jobs / f"{record.job_of(number)}_0_log.err" if record else None


def _tail(path: Path | None) -> str:
    try:
        data = path.read_bytes()[-TAIL_BYTES:] if path else b""
    except OSError:
        return ""
    return data.decode("utf-8", "replace")
