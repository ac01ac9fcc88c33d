"""Why an item failed is told from its own note, from Slurm's state and from the end of its log."""

from pathlib import Path

import pytest

from jobs.data.workspace import Workspace
from jobs.files import write_json
from pipeline.failures import explain
from pipeline.submit.queue import EndedJob, _expanded
from pipeline.submit.records import JobRecord, latest_jobs, read_records, write_record

RECORD = JobRecord(job="7", stage="train", tier="small", items=(3, 5), plan="p", submitted=0)


@pytest.mark.parametrize(
    ("note", "state", "stderr", "kind", "said"),
    [
        (None, "OUT_OF_MEMORY", "", "memory", "host in tier small; --retry-oom"),
        (None, "FAILED", "slurmstepd: error: Job 7 exceeded memory limit", "memory", "host"),
        ("RuntimeError: can't allocate memory: 9 bytes", "FAILED", "", "memory", "host"),
        ("OutOfMemoryError: CUDA out of memory.", "FAILED", "", "gpu memory", "GPU in tier small"),
        (None, "TIMEOUT", "", "time", "time limit"),
        (None, "CANCELLED", "*** JOB 7 CANCELLED DUE TO TIME LIMIT ***", "time", "time limit"),
        ("ValueError: no", "FAILED", "", "error", "ValueError: no"),
        (None, "CANCELLED by 0", "", "cancelled", "cancelled"),
        (None, "NODE_FAIL", "", "killed", "lost with its node"),
        (None, "FAILED", "first\nlast words\n\n", "killed", "(FAILED) last words"),
        (None, "", "", "killed", "killed without a word"),
    ],
)
def test_a_cause_has_its_words(
    tmp_path: Path, note: str | None, state: str, stderr: str, kind: str, said: str
) -> None:
    workspace = Workspace(tmp_path)
    if note:
        write_json(workspace.failure("train", 5), {"reason": note, "log": ""})
    workspace.jobs.mkdir(parents=True)
    (workspace.jobs / "7_1_0_log.err").write_text(stderr)
    ended = EndedJob("7_1", state, "0:9") if state else None
    failure = explain(workspace, "train", 5, RECORD, ended)
    assert failure is not None
    assert failure.kind == kind
    assert said in failure.reason
    assert failure.is_out_of_memory == kind.endswith("memory")


def test_what_was_never_started_has_not_failed(tmp_path: Path) -> None:
    assert explain(Workspace(tmp_path), "train", 0, None, None) is None


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
    write_record(workspace, "8", "train", "small", [3, 5], "p")
    write_record(workspace, "9", "train", "large", [5], "p")
    write_record(workspace, "10", "train", "large", [3], "another plan")
    (workspace.logs / "jobs" / "11.json").write_text("{")
    latest = latest_jobs(read_records(workspace), "p")
    assert latest["train", 3].job_of(3) == "8_0"
    assert latest["train", 5].job_of(5) == "9"  # a single item is no array


@pytest.mark.parametrize(
    ("note", "kind"),
    [
        ("InputError: its own mistake", "error"),
        ("the run's process was killed by signal 9, as when memory is used up", "memory"),
        (None, "memory"),
    ],
)
def test_of_runs_that_share_a_job_each_is_told_its_own_cause(
    tmp_path: Path, note: str | None, kind: str
) -> None:
    workspace = Workspace(tmp_path)
    record = RECORD.model_copy(update={"per_job": 2})
    if note:
        write_json(workspace.failure("train", 5), {"reason": note, "log": ""})
    failure = explain(workspace, "train", 5, record, EndedJob("7", "OUT_OF_MEMORY", "0:9"))
    assert failure is not None
    assert failure.kind == kind
