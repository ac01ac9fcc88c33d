"""What jobs used is gathered from accounting's rows, and tells what to ask for next time."""

from collections.abc import Callable

import pytest

from pipeline.executors.records import JobRecord
from pipeline.monitoring.usage import gigabytes, seconds, usage_of
from pipeline.pages import usage_page

Stub = Callable[[str, str], None]

RECORDS = [
    JobRecord(job="7", stage="train", tier="small", items=(0, 1), plan="p"),
    JobRecord(job="9", stage="vote", tier=None, items=(0,), plan="p"),
    JobRecord(job="11", stage="audit", tier=None, items=(0,), plan="p"),
]
# As sacct prints it: a task, its steps; one task began twice; one job never started.
ROWS = """\
7_0|COMPLETED|2026-01-01T10:00:00|2026-01-01T10:30:00|3600|360|32G|4|02:00:00||
7_0.batch|COMPLETED||2026-01-01T10:30:00|3600|||4|02:00:00|900M|cpu=00:10:00
7_0.0|COMPLETED||2026-01-01T10:30:00|3600|||4|02:00:00|5242880K|cpu=1,gres/gpuutil=42
7_1|PREEMPTED|2026-01-01T10:00:00|2026-01-01T10:10:00|600|360|32G|4|00:20:00||
7_1|COMPLETED|2026-01-01T10:20:00|2026-01-01T10:40:00|1800|360|32G|4|01:00:00||
9|COMPLETED|2026-01-01T12:00:00|2026-01-01T12:00:00|30|30|4Gn|1|00:15.500||
11|CANCELLED|Unknown|Unknown|0|30|4G|1|00:00:00||
99_0|COMPLETED|2026-01-01T12:00:00|2026-01-01T12:00:00|30|30|4G|1|00:00:00||
"""


def test_rows_of_tasks_and_steps_are_gathered_by_stage_and_tier(stub: Stub) -> None:
    stub("sacct", f"cat <<'X'\n{ROWS}X")
    train, vote = usage_of(RECORDS)
    assert (train.stage, train.jobs, train.requeues) == ("train (small)", 2, 1)
    assert (train.memory_gb, train.memory_asked_gb) == (5.0, 32.0)
    assert (train.minutes, train.minutes_asked) == (60.0, 360.0)
    assert train.waits_min == [30.0, 10.0, 20.0]
    assert train.gpu_percent == [42.0]
    assert train.cpu_share == pytest.approx((7200 + 1200 + 3600) / (4 * (3600 + 600 + 1800)))
    assert (train.memory_to_ask_gb, train.minutes_to_ask) == (8.0, 90)
    assert (vote.stage, vote.memory_to_ask_gb, vote.minutes_to_ask) == ("vote", None, 15)


def test_a_person_reads_what_to_ask_for(stub: Stub, capsys: pytest.CaptureFixture[str]) -> None:
    stub("sacct", f"cat <<'X'\n{ROWS}X")
    usage_page.show(usage_of(RECORDS), as_json=False)
    shown = capsys.readouterr().out
    assert "5 of 32 GB" in shown
    assert "90 min, 8 GB" in shown


def test_without_submissions_accounting_is_not_asked(stub: Stub) -> None:
    stub("sacct", "exit 1")
    assert usage_of([]) == []


@pytest.mark.parametrize(
    ("text", "value"), [("4G", 4.0), ("512M", 0.5), ("1048576K", 1.0), ("2Tc", 2048.0), ("", 0.0)]
)
def test_amounts_of_memory_are_read(text: str, value: float) -> None:
    assert gigabytes(text) == value


@pytest.mark.parametrize(
    ("text", "value"), [("1-02:03:04", 93784.0), ("02:03:04", 7384.0), ("03:04.5", 184.5), ("", 0)]
)
def test_lengths_of_time_are_read(text: str, value: float) -> None:
    assert seconds(text) == value
