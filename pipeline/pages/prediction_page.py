"""What predict says: what there is to classify, and what came of it."""

from pathlib import Path

from jobs.inference.classifier import Classifier
from jobs.inference.delivery import SHOWN, Delivery
from jobs.words import count
from pipeline.command import EXIT_FAILED
from pipeline.executors.slurm import Submission
from pipeline.monitoring.overview import Overview
from pipeline.pages import console, launch_page
from pipeline.planning.prediction import OpenedPrediction

UNDER_WAY = ("running", "waiting", "unknown")
# Where what a launch is told does not help: here nothing has batches, and no task goes on.
REMEDIES = {
    "memory": "out of memory; ask for more with --site-set 'predict={mem_gb: 16}'",
    "time": "time limit; --per-task gives each task fewer clips",
}


def introduce(clips: int, classifier: Classifier) -> None:
    """Say what there is to do."""
    console.say(
        f"{count(clips, 'clip')}, {count(len(classifier.members), 'model')}, "
        f"{count(len(classifier.classes), 'class')}"
    )


def progress(seen: Overview) -> None:
    """Say how much of each stage is done or under way, and what has failed since it began."""
    for note in seen.notes:
        console.warn(note)
    for stage in dict.fromkeys(item.stage for item in seen.items):
        items = seen.of(stage)
        done = sum(item.state == "done" for item in items)
        under_way = sum(item.job is not None and item.state in UNDER_WAY for item in items)
        console.say(f"  {stage:8} {done} of {len(items)} done, {under_way} queued or running")
        failed = [(item, item.failure) for item in items if item.failure]
        for item, failure in failed[:SHOWN]:
            console.complain(f"{item.title}: {REMEDIES.get(failure.kind, failure.reason)}")
            if failure.log:
                console.say(f"    log: {failure.log}")
        if len(failed) > SHOWN:
            console.say(f"    ... and {len(failed) - SHOWN} more")


def submitted(submission: Submission[OpenedPrediction]) -> None:
    """Say which jobs were handed to Slurm, and what to do next."""
    launch_page.jobs(submission)
    console.say()
    console.say("  the same command shows how it goes, and at the end what came of it")
    console.say(f"  python -m pipeline.cancel {submission.workspace.root}    ends these jobs")


def delivered(delivery: Delivery, out: Path, hop: float | None, seconds: float) -> int:
    """Say what came of it; return the exit code."""
    done, *notes = delivery.sentences(out, hop, seconds)
    console.say(done)
    for note in notes:
        console.warn(note)
    return 0 if delivery.answered else EXIT_FAILED
