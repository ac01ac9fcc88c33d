"""Which runs ran out of memory, noted while Slurm still knows it."""

from pipeline.monitoring.overview import overview
from pipeline.planning.out_of_memory import OutOfMemory
from pipeline.planning.plan import OpenedPlan
from pipeline.stages.graph import stage_named


def record_out_of_memory(opened: OpenedPlan) -> None:
    """Add to `OutOfMemory` what our own files, squeue and sacct say of this plan's runs."""
    tiers: dict[str, str | None] = {}
    for item in overview(opened).items:
        if item.failure is None or not item.failure.is_out_of_memory:
            continue
        if planned := stage_named(item.stage).run_of(opened, item.number):
            tiers[planned.signature] = item.tier
    before = OutOfMemory.load(opened.workspace)
    if (now := before.with_runs(tiers)) != before:
        now.save(opened.workspace)
