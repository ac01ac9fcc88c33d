"""What predict says: what there is to classify, and what came of it."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from jobs.inference.classifier import Classifier
from jobs.inference.delivery import SHOWN, Delivery
from jobs.words import count
from pipeline.command import EXIT_FAILED
from pipeline.executors.slurm import Submission
from pipeline.monitoring.failure_note import FailureNote
from pipeline.pages import console, launch_page
from pipeline.planning.prediction import OpenedPrediction
from pipeline.stages.stage import Work


def introduce(clips: int, classifier: Classifier) -> None:
    """Say what there is to do."""
    console.say(
        f"{count(clips, 'clip')}, {count(len(classifier.members), 'model')}, "
        f"{count(len(classifier.classes), 'class')}"
    )


def progress(
    opened: OpenedPrediction, works: Sequence[Work], alive: Mapping[tuple[str, int], str]
) -> None:
    """Say how much of each stage is done or under way, and what has failed.

    Args:
        opened: the prediction.
        works: its stages with what is missing.
        alive: (stage, item) of what is queued or running.
    """
    for work in works:
        under_way = sum((work.name, item) in alive for item in work.items)
        done = work.total - len(work.items)
        console.say(f"  {work.name:8} {done} of {work.total} done, {under_way} queued or running")
        gone = [item for item in work.items if (work.name, item) not in alive]
        notes = {k: FailureNote.load(opened.workspace.failure(work.name, k)) for k in gone}
        failed = [(item, note) for item, note in notes.items() if note]
        for item, note in failed[:SHOWN]:
            console.complain(f"{work.title(opened, item)}: {note.reason}")
            console.say(f"    log: {opened.workspace.log(work.name, item)}")


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
