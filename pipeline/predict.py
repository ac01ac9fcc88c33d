"""`python -m pipeline.predict MODEL clips...`: labels for clips that nobody has seen."""

import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from jobs.data.recordings import RecordingHashes
from jobs.errors import InputError
from jobs.inference.answers import LONG, Answers
from jobs.inference.clips import clips_in
from jobs.inference.features import features_of
from jobs.inference.opening import open_classifier
from jobs.words import count
from pipeline.command import EXIT_FAILED, command
from pipeline.pages import console
from pipeline.planning.resources import cpus_available

SHOWN = 10


def main(
    model: Annotated[
        Path, typer.Argument(help="Output folder of a launch, or a folder that export has made.")
    ],
    clips: Annotated[
        list[Path],
        typer.Argument(
            help="Sound files, folders, CSV files with a column `path`, or data folders."
        ),
    ],
    out: Annotated[Path, typer.Option(help="Where the answers go: .csv or .json.")] = Path(
        "predictions.csv"
    ),
    work: Annotated[
        Path | None,
        typer.Option(help="Keep features here; killed and given again, the same command goes on."),
    ] = None,
) -> int:
    """Classify clips with a finished ensemble: labels, probabilities, calibrated confidence.

    A file that cannot be read is named with the reason and gets no label.
    """
    if out.suffix.lower() not in (".csv", ".json"):
        raise InputError(f"--out {out}: the name must end in .csv or .json")
    classifier = open_classifier(model.absolute())
    with ExitStack() as stack:
        folder = work
        if folder is None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="predict-")))
        hashes = RecordingHashes(work / "recordings.csv" if work else None)
        folder.mkdir(parents=True, exist_ok=True)
        listed = clips_in(clips, hashes)
        console.say(
            f"{count(len(listed), 'clip')}, {count(len(classifier.members), 'model')}, "
            f"{count(len(classifier.classes), 'class')}"
        )
        features = features_of(listed, classifier.features, folder, cpus_available())
        answers = Answers.of(classifier, listed, features)
    answers.save(out)
    return _say(answers, out)


def _say(answers: Answers, out: Path) -> int:
    """Say what came of it; return the exit code."""
    answered = len(answers.clips) - len(answers.reasons)
    console.say(f"{out}: {count(answered, 'clip')} classified")
    if answers.long:
        console.warn(
            f"{count(len(answers.long), 'recording')} of more than {LONG:g} times "
            f"{answers.classifier.seconds:g} s: only the beginning of each was heard"
        )
    if answers.reasons:
        console.warn(f"{count(len(answers.reasons), 'clip')} cannot be read and have no label:")
    for position in list(answers.reasons)[:SHOWN]:
        path = answers.clips.clips[position].path
        console.say(f"  {path!r}: {answers.reasons[position]}")
    if len(answers.reasons) > SHOWN:
        console.say(f"  ... and {len(answers.reasons) - SHOWN} more, in the column `problem`")
    return 0 if answered else EXIT_FAILED


app = command(main)

if __name__ == "__main__":
    app()
