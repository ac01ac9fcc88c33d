"""Why an item failed, in words: from its own note, from Slurm's state, from the end of its log."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from jobs.data.workspace import Workspace
from jobs.errors import DamagedFileError
from jobs.files import read_json
from pipeline.submit.queue import EndedJob
from pipeline.submit.records import JobRecord

Kind = Literal["memory", "gpu memory", "time", "cancelled", "killed", "error"]

TAIL_BYTES = 20_000
HOST_MEMORY_SIGNS = ("exceeded memory limit", "oom-kill", "oom_kill", "Out Of Memory")
GPU_MEMORY_SIGNS = ("CUDA out of memory", "OutOfMemoryError", "CUBLAS_STATUS_ALLOC_FAILED")
HOST_ALLOCATION_SIGNS = (
    "MemoryError",
    "memory is used up",
    "can't allocate memory",
    "Cannot allocate memory",
)
TIME_SIGNS = ("timed-out too many times", "DUE TO TIME LIMIT")


@dataclass(frozen=True)
class Failure:
    """What ended an item; `kind` decides whether --retry-oom concerns it."""

    kind: Kind
    reason: str
    log: Path | None

    @property
    def is_out_of_memory(self) -> bool:
        return self.kind in ("memory", "gpu memory")


def explain(
    workspace: Workspace,
    stage: str,
    number: int,
    record: JobRecord | None,
    ended: EndedJob | None,
) -> Failure | None:
    """Return why an item that is neither done nor queued ended, or None if it never started.

    Args:
        workspace: where logs and notes lie.
        stage: of the item.
        number: of the item.
        record: its last submission, if it was submitted to Slurm.
        ended: what accounting says of that job, if anything.
    """
    note = _note(workspace, stage, number)
    own_log = workspace.log(stage, number)
    stderr = _stderr(workspace, record, number)
    text = _tail(stderr)
    state = ended.state.split()[0] if ended and ended.state else ""
    if note is None and record is None and not own_log.exists():
        return None
    log = own_log if note is not None or stderr is None or not stderr.exists() else stderr
    kind, reason = _verdict(note, state, text, record)
    return Failure(kind, reason, log if log.exists() else None)


def _verdict(note: str | None, state: str, text: str, record: JobRecord | None) -> tuple[Kind, str]:
    tier = f" in tier {record.tier}" if record and record.tier else ""
    said = note or ""
    if note is not None and record is not None and record.per_job > 1:
        state = text = ""  # of all runs that shared the job; the note is of this one
    if any(sign in said for sign in GPU_MEMORY_SIGNS):
        return "gpu memory", f"out of memory of the GPU{tier}; --retry-oom moves it up a tier"
    if _is_host_memory(said, state, text):
        return "memory", f"out of memory of the host{tier}; --retry-oom moves it up a tier"
    if state == "TIMEOUT" or any(sign in said + text for sign in TIME_SIGNS):
        return "time", "time limit; launch again to go on after its last epoch"
    if note is not None:
        return "error", note
    if state == "CANCELLED":
        return "cancelled", "cancelled, by hand or because an earlier stage failed"
    if state in ("NODE_FAIL", "PREEMPTED"):
        return "killed", f"lost with its node ({state}); launch again"
    last = next((line for line in reversed(text.splitlines()) if line.strip()), "")
    return "killed", f"killed without a word {f'({state}) ' if state else ''}{last[:200]}".strip()


def _is_host_memory(said: str, state: str, text: str) -> bool:
    return (
        state == "OUT_OF_MEMORY"
        or any(sign in said for sign in HOST_ALLOCATION_SIGNS)
        or any(sign in text for sign in HOST_MEMORY_SIGNS)
    )


def _note(workspace: Workspace, stage: str, number: int) -> str | None:
    try:
        return str(read_json(workspace.failure(stage, number))["reason"])
    except (FileNotFoundError, DamagedFileError, KeyError):
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
