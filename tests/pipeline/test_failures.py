"""Why an item failed is told from its own note, from Slurm's state and from the end of its log."""

from pathlib import Path

import pytest

from jobs.data.workspace import Workspace
from jobs.errors import InputError
from pipeline.executors.queue import EndedJob, _expanded
from pipeline.executors.records import JobRecord, latest_jobs
from pipeline.monitoring.cause import failure_of
from pipeline.monitoring.failure_note import GPU_MEMORY, HOST_MEMORY, KILLED, TIME, FailureNote

RECORD = JobRecord(job="7", stage="train", tier="small", items=(3, 5), plan="p", submitted=0)


class OutOfMemoryError(RuntimeError):
    """As torch calls its own, which this test does not import."""


CANNOT_ALLOCATE = RuntimeError("DefaultCPUAllocator: can't allocate memory: 9 bytes")


@pytest.mark.parametrize(
    ("error", "kind", "said"),
    [
        (InputError("lr is too high"), "error", "lr is too high"),
        (ValueError("no"), "error", "ValueError: no"),
        (MemoryError(), "memory", HOST_MEMORY),
        (CANNOT_ALLOCATE, "memory", HOST_MEMORY),
        (OSError(12, "Cannot allocate memory"), "memory", HOST_MEMORY),
        (OutOfMemoryError("CUDA out of memory."), "gpu memory", GPU_MEMORY),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED"), "gpu memory", GPU_MEMORY),
        (KeyboardInterrupt(), "cancelled", "interrupted; launch again"),
    ],
)
def test_the_kind_of_a_failure_is_set_where_the_exception_is_in_hand(
    tmp_path: Path, error: BaseException, kind: str, said: str
) -> None:
    FailureNote.of(error, tmp_path / "log").save(tmp_path / "note.json")
    note = FailureNote.load(tmp_path / "note.json")
    assert note is not None
    assert (note.kind, note.reason) == (kind, said)
    assert note.is_out_of_memory == kind.endswith("memory")


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"reason": "old"}', '{"kind": "x", "reason": ""}']
)
def test_a_damaged_note_is_no_note(tmp_path: Path, text: str) -> None:
    (tmp_path / "note.json").write_text(text)
    assert FailureNote.load(tmp_path / "note.json") is None


@pytest.mark.parametrize(
    ("error", "state", "stderr", "kind", "said"),
    [
        (None, "OUT_OF_MEMORY", "", "memory", HOST_MEMORY),
        (None, "FAILED", "slurmstepd: error: Job 7 exceeded memory limit", "memory", HOST_MEMORY),
        (ValueError("no"), "OUT_OF_MEMORY", "", "memory", HOST_MEMORY),
        (MemoryError(), "FAILED", "", "memory", HOST_MEMORY),
        (None, "TIMEOUT", "", "time", TIME),
        (None, "CANCELLED", "*** JOB 7 CANCELLED DUE TO TIME LIMIT ***", "time", TIME),
        (ValueError("no"), "FAILED", "Traceback\nValueError: no", "error", "ValueError: no"),
        (None, "CANCELLED by 0", "", "cancelled", "cancelled"),
        (None, "NODE_FAIL", "", "killed", "lost with its node"),
        (None, "FAILED", "first\nlast words\n\n", "killed", KILLED),
        (None, "FAILED", "Traceback\nModuleNotFoundError: No module named 'x'\n", "error",
         "it failed before it began: ModuleNotFoundError: No module named 'x'"),
    ],
)  # fmt: skip
def test_a_cause_has_its_words(
    tmp_path: Path, error: Exception | None, state: str, stderr: str, kind: str, said: str
) -> None:
    workspace = Workspace(tmp_path)
    if error:
        FailureNote.of(error).save(workspace.failure("train", 5))
    workspace.jobs.mkdir(parents=True)
    (workspace.jobs / "7_1_0_log.err").write_text(stderr)
    ended = EndedJob("7_1", state, "0:9") if state else None
    failure = failure_of(workspace, "train", 5, RECORD, ended)
    assert failure is not None
    assert failure.kind == kind
    assert said in failure.reason
    assert failure.log == str(workspace.jobs / "7_1_0_log.err")


def test_what_was_never_started_or_ended_well_did_not_fail(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    assert failure_of(workspace, "train", 0) is None
    assert failure_of(workspace, "train", 5, RECORD, EndedJob("7_1", "COMPLETED", "0:0")) is None
    assert failure_of(workspace, "train", 5, RECORD) is None  # accounting does not say


def test_what_began_here_and_said_nothing_was_killed(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    workspace.logs.mkdir()
    workspace.log("train", 0).touch()
    assert failure_of(workspace, "train", 0) is None  # it ended well, and must be done again
    workspace.begun("train", 0).touch()
    failure = failure_of(workspace, "train", 0)
    assert failure is not None
    assert (failure.kind, failure.reason) == ("killed", KILLED)
    assert failure.log == str(workspace.log("train", 0))


@pytest.mark.parametrize(
    ("shown", "tasks"),
    [
        ("12", ["12"]),
        ("12_3", ["12_3"]),
        ("12_[0-2]", ["12_0", "12_1", "12_2"]),
        ("12_[0,4-5%2]", ["12_0", "12_4", "12_5"]),
        ("12.batch", []),
    ],
)
def test_sacct_names_of_arrays_are_expanded(shown: str, tasks: list[str]) -> None:
    assert _expanded(shown) == tasks


def test_records_tell_which_task_does_which_item_and_the_last_one_counts(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    # The clock of the later login node is an hour behind, and Slurm has begun its ids anew.
    for number, (job, submitted, tier, items, plan) in enumerate((
        ("8", 7200, "small", (3, 5), "p"),
        ("2", 3600, "large", (5,), "p"),
        ("3", 3601, "large", (3,), "another plan"),
    )):  # fmt: skip
        JobRecord(
            job=job, stage="train", tier=tier, items=items, plan=plan, number=number,
            submitted=submitted,
        ).save(workspace)  # fmt: skip
    (workspace.submissions / "11.json").write_text("{")
    latest = latest_jobs(JobRecord.load_all(workspace), "p")
    assert latest["train", 3].job_of(3) == "8_0"
    assert latest["train", 5].job_of(5) == "2"  # a single item is no array


@pytest.mark.parametrize(
    ("error", "kind"), [(InputError("its own mistake"), "error"), (None, "memory")]
)
def test_of_runs_that_share_a_job_each_is_told_its_own_cause(
    tmp_path: Path, error: Exception | None, kind: str
) -> None:
    workspace = Workspace(tmp_path)
    record = RECORD.model_copy(update={"per_job": 2})
    if error:
        FailureNote.of(error).save(workspace.failure("train", 5))
    failure = failure_of(workspace, "train", 5, record, EndedJob("7", "OUT_OF_MEMORY", "0:9"))
    assert failure is not None
    assert failure.kind == kind


REQUEUED_THEN_KILLED = """\
slurmstepd: error: *** JOB 7 ON c1 CANCELLED AT 2026-01-01T10:00:00 DUE TO JOB REQUEUE ***
srun: error: c1: task 0: Killed
"""


@pytest.mark.parametrize(
    ("state", "stderr", "has_begun", "said"),
    [
        ("COMPLETED", "UserWarning: cuDNN cannot be used", False, None),
        ("FAILED", REQUEUED_THEN_KILLED, False, KILLED),
        ("FAILED", "UserWarning: cuDNN cannot be used", True, KILLED),
        ("FAILED", "bash: conda: command not found", False, "conda: command not found"),
    ],
)
def test_a_harmless_line_of_a_log_is_no_cause(
    tmp_path: Path, state: str, stderr: str, has_begun: bool, said: str | None
) -> None:
    workspace = Workspace(tmp_path)
    workspace.jobs.mkdir(parents=True)
    (workspace.jobs / "7_1_0_log.err").write_text(stderr)
    if has_begun:
        workspace.begun("train", 5).touch()
    failure = failure_of(workspace, "train", 5, RECORD, EndedJob("7_1", state, "0:9"))
    if said is None:
        assert failure is None
    else:
        assert failure is not None
        assert said in failure.reason
