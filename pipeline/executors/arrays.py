"""What a launch submits: the arrays of each stage, and what they may cost."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from jobs.errors import InputError
from pipeline.executors.partitions import gpus_asked
from pipeline.executors.records import JobRecord
from pipeline.executors.sharing import grouped
from pipeline.stages.stage import AnyStage, Opened, Request

Latest = Mapping[tuple[str, int], JobRecord]


@dataclass(frozen=True)
class Array:
    """One array of jobs, or a job that is none because it has one task.

    Attributes:
        stage: whose items it does.
        request: what each task asks for.
        groups: the items of each task.
        cpus: of each task.
    """

    stage: AnyStage
    request: Request
    groups: tuple[tuple[int, ...], ...]
    cpus: int

    @property
    def items(self) -> tuple[int, ...]:
        return tuple(item for group in self.groups for item in group)

    def part(self, start: int, end: int | None = None) -> "Array":
        """Return these tasks alone."""
        return replace(self, groups=self.groups[start:end])

    @property
    def gpus(self) -> int:
        """GPUs of each task."""
        return gpus_asked(self.request.resources)

    @property
    def cpu_hours(self) -> float:
        """At most: every task runs into its time limit, once."""
        return len(self.groups) * self.cpus * self.request.resources.timeout_min / 60

    @property
    def gpu_hours(self) -> float:
        """At most: every task runs into its time limit, once."""
        return len(self.groups) * self.gpus * self.request.resources.timeout_min / 60


def arrays_of(
    opened: Opened,
    stage: AnyStage,
    items: Sequence[int],
    max_array: int,
    latest: Latest | None = None,
    after_oom: frozenset[tuple[str, int]] = frozenset(),
) -> list[Array]:
    """Gather the items that ask for the same, smallest tier first, in arrays that Slurm takes.

    Args:
        opened: the plan.
        stage: of the items.
        items: to be submitted.
        max_array: how many tasks an array may have.
        latest: the last submission of each (stage, item).
        after_oom: (stage, item) of what ran out of memory and is to get more.
    """
    found: dict[str | None, tuple[Request, list[int]]] = {}
    for item in items:
        tier = _tier_before(opened, stage, item, latest or {})
        request = stage.request(opened, item, tier, (stage.name, item) in after_oom)
        # An array has one set of resources, so each tier becomes an array of its own.
        found.setdefault(request.tier, (request, []))[1].append(item)
    per_job = stage.items_per_job(opened)
    arrays = []
    for size in (None, *(tier.name for tier in opened.plan.site.tiers)):
        if size not in found:
            continue
        request, wanted = found[size]
        groups = [tuple(group) for group in grouped(wanted, per_job)]
        for some in grouped_groups(groups, max_array):
            cpus = max(stage.cpus(opened, group) for group in some)
            arrays.append(Array(stage, request, some, max(request.resources.cpus or 1, cpus)))
    return arrays


def _tier_before(opened: Opened, stage: AnyStage, item: int, latest: Latest) -> str | None:
    """Return the largest tier in which an item was submitted, by whichever stage worked on it.

    A run that moved up stays there.
    """
    known = ((stage.name, item), *stage.earlier(opened, item))
    found = [latest[each].tier for each in known if each in latest]
    order = {tier.name: number for number, tier in enumerate(opened.plan.site.tiers)}
    return max(found, key=lambda name: order.get(str(name), -1), default=None)


def grouped_groups(
    groups: Sequence[tuple[int, ...]], most: int
) -> list[tuple[tuple[int, ...], ...]]:
    """Return the tasks in as few arrays as Slurm's MaxArraySize allows."""
    return [tuple(groups[start : start + most]) for start in range(0, len(groups), most)]


def hours(arrays: Sequence[Array]) -> tuple[float, float]:
    """Return the CPU-hours and GPU-hours of arrays whose tasks run into their time limits once."""
    return sum(a.cpu_hours for a in arrays), sum(a.gpu_hours for a in arrays)


def require_cheap(arrays: Sequence[Array], most: float) -> None:
    """Refuse what may take more GPU-hours than allowed.

    Raises:
        InputError: says how many.
    """
    _, gpu_hours = hours(arrays)
    if gpu_hours > most:
        raise InputError(
            f"this launch may take {gpu_hours:,.1f} GPU-hours (each task's time limit, once), more "
            f"than --max-gpu-hours {most:g}; see --plan"
        )
