"""Why an item failed: one record and one source of its words, whichever executor ran it."""

from pathlib import Path
from typing import Literal

from jobs.errors import DamagedFileError, InputError, PipelineError, is_out_of_memory
from jobs.files import read_json, write_json
from jobs.schema import Schema

Kind = Literal["memory", "gpu memory", "time", "cancelled", "killed", "error"]

MORE_MEMORY = "use a smaller batch size, or on Slurm --retry-oom, which moves the run up a tier"
HOST_MEMORY = f"out of memory of the host; {MORE_MEMORY}"
GPU_MEMORY = f"out of memory of the GPU; {MORE_MEMORY}"
TIME = "time limit; launch again to go on after its last epoch"
UPSTREAM = "cancelled before it started, by hand or because an earlier stage failed"
CANCELLED = "cancelled with scancel; launch again"
BY_CLUSTER = (
    "cancelled by the cluster (uid 0). If it cancels jobs that use too little of their GPU, this "
    "is the most likely reason: set `runs_per_gpu` in the grid"
)
INTERRUPTED = "interrupted; launch again"
# What submitit says when it has requeued a job as often as it may.
TIMED_OUT = "timed-out too many times"
KILLED = "killed without a word, as the kernel does when memory is used up; launch again"


class FailureNote(Schema):
    """What ended an item; `kind` decides whether --retry-oom concerns it."""

    kind: Kind
    reason: str
    log: str | None = None

    @classmethod
    def of(cls, error: BaseException, log: Path | None = None) -> "FailureNote":
        """Return the note of an exception."""
        kind = _kind_of(error)
        words = {"memory": HOST_MEMORY, "gpu memory": GPU_MEMORY, "cancelled": INTERRUPTED}
        by_hand = str(error) if isinstance(error, PipelineError) else _as_python_says(error)
        return cls(kind=kind, reason=words.get(kind, by_hand), log=str(log) if log else None)

    @classmethod
    def killed(cls, log: Path | None = None) -> "FailureNote":
        """Return the note of a process that was killed before it could say anything."""
        return cls(kind="killed", reason=KILLED, log=str(log) if log else None)

    @classmethod
    def out_of_time(cls, log: Path | None = None) -> "FailureNote":
        """Return the note of a job that reached its time limit once too often."""
        return cls(kind="time", reason=TIME, log=str(log) if log else None)

    @property
    def is_out_of_memory(self) -> bool:
        return self.kind in ("memory", "gpu memory")

    def save(self, path: Path) -> None:
        write_json(path, self.model_dump(mode="json"))

    @classmethod
    def load(cls, path: Path) -> "FailureNote | None":
        """Read what `save` wrote; None if there is no such note."""
        try:
            return cls.checked(read_json(path), str(path))
        except (FileNotFoundError, DamagedFileError, InputError, AttributeError, TypeError):
            return None


def _kind_of(error: BaseException) -> Kind:
    if isinstance(error, KeyboardInterrupt):
        return "cancelled"
    # By name: this process may never have imported torch.
    if type(error).__name__ == "OutOfMemoryError" or "CUBLAS_STATUS_ALLOC_FAILED" in str(error):
        return "gpu memory"
    if is_out_of_memory(error):
        return "memory"
    return "error"


def _as_python_says(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
