"""What a launch says while it works: what there is to do, what became of it, where to look."""

from collections.abc import Sequence
from typing import Any

from jobs.data.split import SplitConfig, classes_not_validated
from jobs.vote.estimate.scored import Scored
from jobs.words import count, were
from pipeline.executors.here import Outcome, Skipped
from pipeline.executors.slurm import Submission
from pipeline.pages import console
from pipeline.planning.grid import Grid
from pipeline.planning.plan import OpenedPlan
from pipeline.stages.stage import Opened, Work


def notes(sentences: Sequence[str]) -> None:
    """Say what was taken from the user's shell, and what was not."""
    for sentence in sentences:
        console.say(f"  {sentence}")


def introduce(opened: OpenedPlan, stages: Sequence[Work]) -> None:
    """Say what data there is and how much of each stage is left."""
    data(opened)
    for work in stages:
        done = work.total - len(work.items)
        console.say(f"  {work.name:8} {done} of {work.total} done, {len(work.items)} to do")
    if not any(work.items for work in stages):
        console.say("Nothing to do: everything is there already.", style="green")


def data(opened: OpenedPlan) -> None:
    """Say what data there is, and what was seen while its folder was read."""
    dataset = opened.dataset
    console.say(
        f"{count(len(dataset.labelled), 'labelled clip')} of "
        f"{count(len(dataset.classes), 'class')} and {count(len(dataset.test), 'test clip')} in "
        f"{dataset.root}"
    )
    if outside := dataset.outside:
        console.warn(f"of these, {count(outside, 'clip')} from outside the data folder")
    for note in dataset.notes:
        console.warn(note)


def started(work: Work) -> None:
    console.heading(f"{work.name}: {work.stage.does}")


def ended(opened: Opened, each: Outcome | Skipped) -> bool:
    """Print what is worth saying at once; return True for a failure."""
    if isinstance(each, Skipped):
        console.complain(f"stage {each.work.name} is not started: {each.reason}")
        return True
    title = each.work.title(opened, each.item)
    if each.failure is None:
        console.say(f"  done: {title}")
        return False
    console.complain(f"{_named(each.work, title)}: {each.failure.reason}")
    return True


def _named(work: Work, title: str) -> str:
    """Return `stage train, run 'a'`, or `stage vote` of a stage with a single item."""
    return f"stage {work.name}" if title == work.name else f"stage {work.name}, {title}"


def failures(opened: Opened, failed: Sequence[Outcome | Skipped]) -> None:
    """Say once more what failed, at the end, where it is seen."""
    if not failed:
        return
    console.heading(f"{len(failed)} failed")
    for each in failed:
        if isinstance(each, Skipped):
            console.say(f"  stage {each.work.name}: not started, {each.reason}")
        elif each.failure is not None:
            title = each.work.title(opened, each.item)
            console.say(f"  {_named(each.work, title)}: {each.failure.reason}")
            console.say(f"    log: {opened.workspace.log(each.work.name, each.item)}")
    console.say("  Once the cause is gone, the same command does what is missing.")


def submitted(submission: Submission[OpenedPlan]) -> None:
    """Say which jobs were handed to Slurm, and what to do next."""
    root = submission.workspace.root
    jobs(submission)
    console.say()
    console.say(f"  python -m pipeline.status {root}    shows how it goes")
    console.say(f"  python -m pipeline.cancel {root}    ends these jobs")


def jobs(submission: Submission[Any]) -> None:
    """Say which jobs were handed to Slurm, and what it refused."""
    if submission.alive:
        alive = len(submission.alive)
        verb = "is" if alive == 1 else "are"
        console.say(f"  {count(alive, 'task')} {verb} queued or running already")
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
    if submission.refused:
        refused = submission.refused
        console.complain(refused.said)
        console.say(
            f"  {count(refused.items, 'task')} of stage {refused.stage} and all later stages were "
            "not submitted; run the same command again once there is room. Nothing is lost."
        )


def canary(submission: Submission[OpenedPlan]) -> None:
    """Say what goes first."""
    if jobs := submission.alive_jobs:
        console.say(
            f"  canary: {count(len(jobs), 'job')} of a small launch must finish first, in "
            f"{submission.workspace.root}; the rest starts once all of them have succeeded"
        )
    else:
        console.say("  canary: nothing to do, it succeeded in an earlier launch")


def runs(grid: Grid, folds: int) -> None:
    """Show the runs of a grid by their numbers; with folds, each entry has several."""
    times = f", in {folds} folds each" if folds > 1 else ""
    console.heading(f"{count(len(grid.entries), 'run')} of {grid.path}{times}")
    rows = []
    for entry, first in zip(grid.entries, range(0, len(grid.entries) * folds, folds), strict=True):
        numbers = f"{first}-{first + folds - 1}" if folds > 1 else str(first)
        rows.append((numbers, entry.name, _differences(entry.config.differences())))
    console.table(("#", "run", "differs from the defaults in"), rows)


def dropped(grid: Grid) -> None:
    """Say which runs `--set`, or what was drawn, made equal to others."""
    for name in grid.dropped:
        console.warn(f"'{name}' is equal to an earlier run; it is trained once")


def validation(opened: OpenedPlan) -> None:
    """Say how many clips train and validate, what folds keep, and which classes nobody measures."""
    everyone = len(opened.dataset.labelled)
    folds = opened.split.folds
    for number, fold in enumerate(folds, 1):
        training, validating = len(fold.training), len(fold.validation)
        named = f"fold {number}: " if len(folds) > 1 else ""
        console.say(
            f"{named}{count(training, 'clip')}{_groups(opened, fold.training)} for training "
            f"({training / everyone:.1%}), {validating}{_groups(opened, fold.validation)} for "
            f"validation ({validating / everyone:.1%})"
        )
    if held_out := len(opened.split.holdout):
        console.say(
            f"{count(held_out, 'clip')} ({held_out / everyone:.1%}) held out, never used to train "
            f"or to rank; {_scored(opened)}"
        )
    if len(opened.split.folds) > 1:
        _folds(opened)
        if opened.plan.split.validation != SplitConfig().validation:
            console.warn(f"`validation: {opened.plan.split.validation}` is not used: folds decide")
    if opened.ladder.rungs:
        _halving(opened)
    for label in classes_not_validated(opened.dataset, opened.split):
        console.warn(
            f"class '{label}' has no validation clip: too few clips, or all of them in one group"
        )


def _groups(opened: OpenedPlan, positions: Sequence[int]) -> str:
    """Say of how many groups some labelled clips are; nothing where clips have none."""
    groups = {opened.dataset.labelled.clips[p].group for p in positions} - {None}
    return f" of {count(len(groups), 'group')}" if groups else ""


def _scored(opened: OpenedPlan) -> str:
    """Say how often clips held out were looked at before this result is."""
    clips = opened.dataset.part(opened.split.holdout).labelled
    before = Scored.load(opened.workspace.holdout_scored).on(clips)
    if not before:
        return "the result is scored on them once"
    return f"{count(before, 'result')} of this output {were(before)} scored on them before"


def _folds(opened: OpenedPlan) -> None:
    folds = len(opened.split.folds)
    kept = {run.config.planned_epochs for run in opened.plan.runs}
    for epochs in sorted(each for each in kept if each):
        named = ", ".join(map(str, epochs))
        console.say(
            f"each run is trained {folds} times, once per fold; the checkpoints kept are the same "
            f"in all folds, those of {'epochs' if len(epochs) > 1 else 'epoch'} {named}"
        )


def _halving(opened: OpenedPlan) -> None:
    ladder, settings = opened.ladder, opened.ladder.settings
    entries = sum(len(each) for each in ladder.tiers.values())
    steps = []
    for rung in range(1, ladder.rungs + 1):
        left = sum(settings.left(len(each), rung) for each in ladder.tiers.values())
        share = settings.shares[rung - 1]
        steps.append(f"{left} left after {share:.0%} of their epochs")
    halved, whole = ladder.epochs()
    console.say(
        f"of {count(entries, 'run')}, {', '.join(steps)}: at most {halved:,} of {whole:,} epochs "
        f"({halved / max(whole, 1):.0%})"
    )
    for sentence in ladder.warnings():
        console.warn(sentence)


def _differences(settings: dict[str, object]) -> str:
    return " ".join(f"{key}={value}" for key, value in settings.items()) or "nothing"
