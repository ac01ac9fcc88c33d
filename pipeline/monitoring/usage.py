"""What jobs used of what they asked for: accounting's rows of their steps, gathered by stage."""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from pipeline.executors import slurm_command
from pipeline.executors.records import JobRecord

FIELDS = (
    "JobID", "State", "Eligible", "Start", "ElapsedRaw", "TimelimitRaw", "ReqMem", "ReqCPUS",
    "TotalCPU", "MaxRSS", "TRESUsageInAve",
)  # fmt: skip
NOT_STARTED = ("Unknown", "None", "")
# What to ask for next time: more than the most that was used, in steps that a person would write.
MORE_MEMORY, MORE_TIME = 1.3, 1.5
STEPS_GB = (1, 2, 4, 8, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512)
STEP_MIN = 15
UNITS = {"K": 1024**-2, "M": 1024**-1, "G": 1.0, "T": 1024.0}


@dataclass
class Usage:
    """What the jobs of one stage and tier used.

    Attributes:
        stage: whose jobs, with the tier where there are several.
        jobs: tasks that have started.
        requeues: how often one of them began anew.
        memory_gb, memory_asked_gb: the most that a task used, and what each asked for.
        minutes, minutes_asked: the same of time.
        waits_min: of each attempt, how long it waited once nothing but the queue held it.
        cpu_share: of the CPUs asked for, how much was used; None where it is not recorded.
        gpu_percent: of each task where Slurm records it.
    """

    stage: str
    jobs: int = 0
    requeues: int = 0
    memory_gb: float = 0.0
    memory_asked_gb: float = 0.0
    minutes: float = 0.0
    minutes_asked: float = 0.0
    waits_min: list[float] = field(default_factory=list)
    cpu_seconds: float = 0.0
    cpu_seconds_asked: float = 0.0
    gpu_percent: list[float] = field(default_factory=list)

    @property
    def cpu_share(self) -> float | None:
        return self.cpu_seconds / self.cpu_seconds_asked if self.cpu_seconds_asked else None

    @property
    def memory_to_ask_gb(self) -> float | None:
        """A third more than was used, rounded up; None where memory is not recorded."""
        wanted = MORE_MEMORY * self.memory_gb
        return next((float(s) for s in STEPS_GB if s >= wanted), wanted) if wanted else None

    @property
    def minutes_to_ask(self) -> int:
        """Half more than was used, in quarters of an hour."""
        return STEP_MIN * max(1, -int(-MORE_TIME * self.minutes // STEP_MIN))


def usage_of(records: Sequence[JobRecord]) -> list[Usage]:
    """Return what the jobs of these records used, by stage and tier in the order of submission.

    Raises:
        SlurmError: accounting does not answer.
    """
    if not records:
        return []
    ids = ",".join(record.job for record in records)
    text = slurm_command.run(
        "sacct", "--duplicates", "--noheader", "--parsable2", f"--format={','.join(FIELDS)}",
        f"--jobs={ids}",
    )  # fmt: skip
    rows = [dict(zip(FIELDS, line.split("|"), strict=False)) for line in text.splitlines()]
    return _gathered(records, rows)


def _gathered(records: Sequence[JobRecord], rows: Iterable[dict[str, str]]) -> list[Usage]:
    names = {r.job: f"{r.stage} ({r.tier})" if r.tier else r.stage for r in records}
    found = {name: Usage(name) for name in names.values()}
    attempts: dict[str, int] = defaultdict(int)
    for row in rows:
        task, _, step = row["JobID"].partition(".")
        usage = found.get(names.get(task.split("_")[0], ""))
        if usage is None:
            continue
        if step:
            _add_step(usage, row)
        elif row["Start"] not in NOT_STARTED:
            _add_attempt(usage, row)
            attempts[task] += 1
            usage.jobs += attempts[task] == 1
            usage.requeues += attempts[task] > 1
    return [usage for usage in found.values() if usage.jobs]


def _add_attempt(usage: Usage, row: dict[str, str]) -> None:
    minutes = float(row["ElapsedRaw"] or 0) / 60
    usage.minutes = max(usage.minutes, minutes)
    if row["TimelimitRaw"].isdigit():
        usage.minutes_asked = max(usage.minutes_asked, float(row["TimelimitRaw"]))
    usage.memory_asked_gb = max(usage.memory_asked_gb, gigabytes(row["ReqMem"]))
    if row["Eligible"] not in NOT_STARTED:
        began, started = (datetime.fromisoformat(row[name]) for name in ("Eligible", "Start"))
        usage.waits_min.append(max(0.0, (started - began).total_seconds() / 60))
    usage.cpu_seconds += seconds(row["TotalCPU"])
    usage.cpu_seconds_asked += float(row["ReqCPUS"] or 0) * 60 * minutes


def _add_step(usage: Usage, row: dict[str, str]) -> None:
    usage.memory_gb = max(usage.memory_gb, gigabytes(row["MaxRSS"]))
    if found := re.search(r"gres/gpuutil=(\d+)", row.get("TRESUsageInAve", "")):
        usage.gpu_percent.append(float(found[1]))


def gigabytes(text: str) -> float:
    """Read `4G`, `900Mc`, `123456K`; 0 of what is none."""
    found = re.match(r"([\d.]+)([KMGT])", text)
    return float(found[1]) * UNITS[found[2]] if found else 0.0


def seconds(text: str) -> float:
    """Read `1-02:03:04`, `02:03:04`, `03:04.567`."""
    days, _, clock = text.rpartition("-")
    total = 0.0
    for part in clock.split(":"):
        total = 60 * total + (float(part) if part else 0.0)
    return total + 86_400 * (int(days) if days.isdigit() else 0)
