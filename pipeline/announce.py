"""What a launch says while it works: what there is to do, what became of it, where to look."""

from collections.abc import Sequence

from jobs.data.split import classes_not_validated
from pipeline import console
from pipeline.grid import Grid
from pipeline.plan import OpenedPlan
from pipeline.stages import Stage, remaining
from pipeline.submit.here import Outcome, Skipped
from pipeline.submit.slurm import Submission


def introduce(opened: OpenedPlan, stages: Sequence[Stage]) -> None:
    """Say what data there is and how much of each stage is left."""
    manifest = opened.manifest
    console.say(
        f"{len(manifest.labelled)} training clips of {len(manifest.classes)} classes and "
        f"{len(manifest.test)} test clips in {manifest.root}"
    )
    for stage in stages:
        done = stage.total - len(stage.items)
        console.say(f"  {stage.name:8} {done} of {stage.total} done, {len(stage.items)} to do")
    if not any(stage.items for stage in stages):
        console.say("Nothing to do: everything is there already.", style="green")


def starting(stage: Stage) -> None:
    console.heading(f"{stage.name}: {stage.rule.does}")


def ended(opened: OpenedPlan, each: Outcome | Skipped) -> bool:
    """Print what is worth saying at once; return True for a failure."""
    if isinstance(each, Skipped):
        console.complain(f"stage {each.stage.name} is not started: {each.reason}")
        return True
    title = each.stage.title(opened, each.item)
    if each.error is None:
        console.say(f"  done: {title}")
        return False
    console.complain(f"stage {each.stage.name}, {title}: {each.error}")
    return True


def failures(opened: OpenedPlan, failed: Sequence[Outcome | Skipped]) -> None:
    """Say once more what failed, at the end, where it is seen."""
    if not failed:
        return
    console.heading(f"{len(failed)} failed")
    for each in failed:
        if isinstance(each, Skipped):
            console.say(f"  stage {each.stage.name}: not started, {each.reason}")
        else:
            title = each.stage.title(opened, each.item)
            console.say(f"  stage {each.stage.name}, {title}: {each.error}")
            console.say(f"    log: {each.log}")
    console.say("  Once the cause is gone, the same command does what is missing.")


def submitted(submission: Submission) -> None:
    """Say which jobs were handed to Slurm, and what to do next."""
    root = submission.workspace.root
    if submission.alive:
        console.say(f"  {len(submission.alive)} tasks are queued or running already")
    if not submission.done:
        console.say("Nothing was submitted.", style="green")
    else:
        console.heading("Submitted")
        console.table(
            ("stage", "tier", "job", "tasks", "starts"),
            [
                (each.stage, each.tier or "", each.job, str(each.items), each.dependency or "now")
                for each in submission.done
            ],
        )
    console.say()
    console.say(f"  python -m pipeline.status {root}    shows how it goes")
    console.say(f"  python -m pipeline.cancel {root}    ends these jobs")


def runs(grid: Grid) -> None:
    """Show the runs of a grid."""
    console.heading(f"{len(grid.entries)} runs of {grid.path}")
    rows = [
        (str(number), entry.name, _differences(entry.config.differences()))
        for number, entry in enumerate(grid.entries)
    ]
    console.table(("#", "run", "differs from the defaults in"), rows)


def dropped(grid: Grid) -> None:
    """Say which runs `--set` made equal to others."""
    for name in grid.dropped:
        console.warn(f"--set makes '{name}' equal to an earlier run; it is trained once")


def validation(opened: OpenedPlan) -> None:
    """Say which classes the validation accuracy does not measure."""
    for label in classes_not_validated(opened.manifest, opened.split):
        console.warn(
            f"class '{label}' has no validation clip: too few clips, or all of them in one group"
        )


def _differences(settings: dict[str, object]) -> str:
    return " ".join(f"{key}={value}" for key, value in settings.items()) or "nothing"


def stages(opened: OpenedPlan) -> None:
    """Show the graph with what is left to do, and what a task of each stage asks for."""
    console.heading(f"Stages, into {opened.workspace.root}")
    rows = []
    for stage in remaining(opened):
        asks = opened.plan.site.resources(stage.name)
        cpus = str(asks.cpus) if asks.cpus else "all"
        rows.append(
            (
                stage.name,
                f"{len(stage.items)} of {stage.total}",
                f"{stage.rule.edge.on} of {stage.rule.edge.after}" if stage.rule.edge else "",
                f"{cpus} CPUs, {asks.mem_gb:g} GB, {asks.gpus} GPUs, {asks.timeout_min} min",
                stage.rule.does,
            )
        )
    console.table(("stage", "to do", "after", "a task asks for", "what"), rows)
    console.say("Nothing was started.")
