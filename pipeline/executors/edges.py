"""What the jobs of a stage wait for, as `sbatch --dependency` takes it."""

from collections.abc import Mapping, Sequence

from pipeline.stages.stage import AnyStage


def dependency(
    stage: AnyStage, jobs: Mapping[str, Sequence[str]], after: Sequence[str] = ()
) -> str | None:
    """Return the edges of a stage's jobs, or None if they may start now.

    Only jobs that are alive count: a dependency on one that has ended may never be met.

    Args:
        stage: whose jobs are to be submitted.
        jobs: the jobs of each stage by its name, queued before or submitted now.
        after: jobs that must all have ended well before: of a canary.
    """
    # One that replaces a running one must come after it, so that the newer result stays.
    earlier = jobs.get(stage.name, []) if stage.repeats else []
    parts = [f"afterany:{':'.join(earlier)}"] if earlier else []
    if after:  # of every job: "after any end" of a cancelled stage would be met
        parts.append(f"afterok:{':'.join(after)}")
    # A stage without jobs has nothing left to do: whoever waits for it waits for the one before it.
    wait, found = stage.waits_for, False
    while wait is not None:
        before = jobs.get(wait.stage.name, [])
        # afterok of an array is met only if every task of it ended well. What must succeed further
        # up is waited for as well: if it fails, the stage between is cancelled, and "after any end"
        # of that would be met.
        if before and wait.on == "success":
            parts.append(f"afterok:{':'.join(before)}")
        elif before and not found:
            parts.append(f"afterany:{':'.join(before)}")
        found = found or bool(before)
        wait = wait.stage.waits_for
    for other in stage.also_after:
        if jobs.get(other.name):
            parts.append(f"afterany:{':'.join(jobs[other.name])}")
    return ",".join(parts) or None
