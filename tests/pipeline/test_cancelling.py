"""Jobs are cancelled only when it is sure that nobody needs them, and never in silence."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jobs.data.workspace import Workspace
from pipeline.executors import queue
from pipeline.executors.records import JobRecord
from pipeline.executors.slurm import Submission
from pipeline.executors.slurm_command import SlurmError

Stub = Callable[[str, str], None]


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "ENDS_WITHIN_S", 1.0)


def line(workspace: Path, job: str, state: str) -> str:
    return f"echo '{job}|{queue.job_name(workspace, 'train')}|{state}|None'"


class Opened:
    """As much of a plan as looking at the queue needs."""

    def __init__(self, root: Path) -> None:
        self.workspace = Workspace(root)


def look(root: Path) -> Submission[Any]:
    submission: Submission[Any] = Submission(Opened(root))
    submission.look()
    return submission


def test_without_records_running_jobs_are_left_and_waiting_ones_cancelled_and_told(
    stub: Stub, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    out = tmp_path / "out"
    waiting = f"[ -e {tmp_path}/cancelled ] || {line(out, '8_1', 'PENDING')}"
    stub("squeue", f"{line(out, '7', 'RUNNING')}; {waiting}")
    stub("scancel", f'echo "$@" >> {tmp_path}/cancelled')
    look(out)
    assert (tmp_path / "cancelled").read_text() == "8_1\n"
    assert "cancelled, because no record says what they do: 8_1" in caplog.text
    assert "left to their end: 7" in caplog.text


def test_logs_that_are_tidied_away_take_no_record_along(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    JobRecord(job="7", stage="train", tier=None, items=(0,), plan="p").save(workspace)
    assert not workspace.logs.exists()
    assert [record.job for record in JobRecord.load_all(workspace)] == ["7"]


def test_a_damaged_record_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    workspace = Workspace(tmp_path)
    workspace.prepare()
    workspace.submissions.mkdir()
    (workspace.submissions / "7.json").write_text(json.dumps({"job": "7"}))
    assert JobRecord.load_all(workspace) == []
    assert "7.json" in caplog.text


def test_a_scancel_that_failed_is_told_with_the_jobs_that_are_left(
    stub: Stub, tmp_path: Path
) -> None:
    stub("squeue", line(tmp_path, "8_1", "RUNNING"))
    stub("scancel", "echo 'slurm_kill_job: Unable to contact slurm controller' >&2; exit 1")
    with pytest.raises(SlurmError, match=r"not cancelled: 8_1 .*Unable to contact"):
        queue.cancel(tmp_path, ["8_1", "9"])


def test_a_scancel_that_failed_on_jobs_that_have_ended_is_none(stub: Stub, tmp_path: Path) -> None:
    stub("squeue", line(tmp_path, "8_1", "COMPLETING"))
    stub("scancel", "echo 'Invalid job id specified' >&2; exit 1")
    queue.cancel(tmp_path, ["8_1"])


def test_a_scancel_that_says_nothing_and_does_nothing_has_cancelled_nothing(
    stub: Stub, tmp_path: Path
) -> None:
    stub("squeue", line(tmp_path, "8", "RUNNING"))
    stub("scancel", "exit 0")
    with pytest.raises(SlurmError, match=r"not cancelled: 8$"):
        queue.cancel(tmp_path, ["8"])


def test_a_job_in_a_hidden_partition_is_found(stub: Stub, tmp_path: Path) -> None:
    shown = line(tmp_path, "8", "PENDING")
    stub("squeue", f'case " $* " in *" --all "*) {shown};; esac')
    assert [job.id for job in queue.queued(tmp_path)] == ["8"]
