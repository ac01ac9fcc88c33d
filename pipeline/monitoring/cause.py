"""Why an item failed, from all there is: its own note, Slurm's state, the end of its log.

A task writes its note itself, with the exception in hand. Of one that could not, because it was
killed, the note is made from what Slurm says, or from the mark that it had begun.
"""

import os
import re
from pathlib import Path

from jobs.data.workspace import Workspace
from pipeline.executors.queue import EndedJob
from pipeline.executors.records import JobRecord
from pipeline.monitoring.failure_note import (
    BY_CLUSTER,
    CANCELLED,
    HOST_MEMORY,
    TIMED_OUT,
    UPSTREAM,
    FailureNote,
)  # fmt: skip
from pipeline.monitoring.slurm_words import NO_LOG_FOLDER, how_ended

TAIL_BYTES = 20_000
LONGEST_LINE = 200
AN_ERROR = re.compile(r"error|no such file|not found|denied|fatal|cannot|killed", re.IGNORECASE)
RAISED = re.compile(r"[A-Za-z_][\w.]*(Error|Exception|Interrupt|Exit)\b")
REQUEUED = re.compile(r"CANCELLED AT .* DUE TO (JOB REQUEUE|PREEMPTION|NODE FAILURE).*")
CONSEQUENCE = re.compile(
    r"Exited with exit code|\*\*\* (JOB|STEP) .* CANCELLED|task \d+: (Killed|Terminated)|"
    r"Terminating (job|StepId|JobId)|STEP .* (CANCELLED|ON) |Job step aborted|"
    r"triggered an exception"
)
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
    stderr = _last_attempt(_tail(_stderr(workspace, record, number)))
    has_begun = workspace.begun(stage, number).exists()
    slurms = _note_of_slurm(record, ended, stderr, has_begun)
    if note is None:
        # One that ended well is missing again because something that it was made from has changed.
        ended_badly = ended is not None and ended.state != "COMPLETED"
        was_killed = ended_badly or has_begun
        note = slurms or (_killed(ended) if was_killed else None)
    elif slurms and slurms.kind in ("memory", "time") and record and record.per_job == 1:
        # What a process says that is being ended for its memory or time is a consequence.
        note = slurms
    shown = str(log) if log is not None and log.exists() else None
    return note.model_copy(update={"log": shown}) if note else None


def _killed(ended: EndedJob | None) -> FailureNote:
    note = FailureNote.killed()
    said = f"{note.reason} ({how_ended(ended)})" if ended else note.reason
    return note.model_copy(update={"reason": said})


def _note_of_slurm(
    record: JobRecord | None, ended: EndedJob | None, stderr: str, has_begun: bool
) -> FailureNote | None:
    """Return what Slurm knows of a job's end; None if that is nothing."""
    state = ended.word if ended else ""
    if state == "COMPLETED":
        return None
    if state == "OUT_OF_MEMORY" or any(sign in stderr for sign in MEMORY_SIGNS):
        return FailureNote(kind="memory", reason=HOST_MEMORY)
    if state == "TIMEOUT" or any(sign in stderr for sign in TIME_SIGNS):
        return FailureNote.out_of_time()
    if ended and state == "CANCELLED":
        return FailureNote(kind="cancelled", reason=_who_cancelled(ended))
    if state in ("NODE_FAIL", "PREEMPTED", "BOOT_FAIL"):
        return FailureNote(kind="killed", reason=f"lost with its node ({state}); launch again")
    if ended and ended.exit_code == NO_LOG_FOLDER:
        return FailureNote(kind="error", reason=how_ended(ended))
    # It failed before it could write a note: nothing was imported yet, or the disk was full. One
    # that has begun, and left its mark, was killed: what its log says is no cause.
    line = first_error(stderr) if record and not has_begun else None
    if line is None:
        return None
    how = f" ({how_ended(ended)})" if ended else ""
    return FailureNote(kind="error", reason=f"it failed before it began: {line}{how}")


def _who_cancelled(ended: EndedJob) -> str:
    if not ended.has_started:
        return UPSTREAM
    who = ended.cancelled_by
    if who == 0 and os.getuid() != 0:
        return BY_CLUSTER
    return CANCELLED if who in (None, os.getuid()) else f"cancelled by the user with uid {who}"


def _last_attempt(log: str) -> str:
    """Return what was written after the job was requeued last: attempts share one file."""
    return log[max((found.end() for found in REQUEUED.finditer(log)), default=0) :]


def first_error(log: str) -> str | None:
    """Return the line of a log that says what went wrong first; None if no line does.

    What follows it is told by others of the end that it caused: `Exited with exit code 2`. Of a
    traceback it is the last line.
    """
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    for number, line in enumerate(lines):
        if CONSEQUENCE.search(line):
            continue
        if line.startswith("Traceback"):
            raised = (each for each in lines[number + 1 :] if RAISED.match(each))
            return next(raised, line)[:LONGEST_LINE]
        if AN_ERROR.search(line):
            return line[:LONGEST_LINE]
    return None


def _stderr(workspace: Workspace, record: JobRecord | None, number: int) -> Path | None:
    """Return where submitit's job sends standard error."""
    return workspace.jobs / f"{record.job_of(number)}_0_log.err" if record else None


def _tail(path: Path | None) -> str:
    try:
        data = path.read_bytes()[-TAIL_BYTES:] if path else b""
    except OSError:
        return ""
    return data.decode("utf-8", "replace")
