"""`python -m pipeline.predict MODEL clips...`: labels for clips that nobody has seen."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer

from jobs.data.manifest import Manifest
from jobs.data.recordings import RecordingHashes
from jobs.errors import InputError
from jobs.inference.answers import LONG, Answers, save_rows
from jobs.inference.classifier import Classifier
from jobs.inference.clips import clips_in
from jobs.inference.features import features_of
from jobs.inference.opening import open_classifier
from jobs.inference.windowed import LabelTracks, rows_of_windows
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
    hop: Annotated[
        float | None,
        typer.Option(help="A row for each window of a recording, one every so many seconds."),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(help="With --hop: a folder for label files that Audacity imports."),
    ] = None,
) -> int:
    """Classify clips with a finished ensemble: labels, probabilities, calibrated confidence.

    A file that cannot be read is named with the reason and gets no label.
    """
    if out.suffix.lower() not in (".csv", ".json"):
        raise InputError(f"--out {out}: the name must end in .csv or .json")
    if hop is not None and not hop > 0:
        raise InputError(f"--hop {hop:g} must be more than 0 seconds")
    if labels is not None and hop is None:
        raise InputError("--labels are of windows: say --hop, the seconds between two of them")
    classifier = open_classifier(model.absolute())
    hashes = RecordingHashes(work / "recordings.csv" if work else None)
    if work is not None:
        work.mkdir(parents=True, exist_ok=True)
    listed = clips_in(clips, hashes)
    console.say(
        f"{count(len(listed), 'clip')}, {count(len(classifier.members), 'model')}, "
        f"{count(len(classifier.classes), 'class')}"
    )
    if hop is not None:
        return _windows(classifier, listed, hop, out, labels)
    with ExitStack() as stack:
        folder = work or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="predict-")))
        features = features_of(listed, classifier.features, folder, cpus_available())
        answers = Answers.of(classifier, listed, features)
    answers.save(out)
    return _say(answers, out)


def _windows(
    classifier: Classifier, listed: Manifest, hop: float, out: Path, labels: Path | None
) -> int:
    """Classify windows and say what came of it; return the exit code."""
    tracks = LabelTracks(labels) if labels else None
    problems: list[tuple[str, str]] = []
    windows = 0

    def seen() -> Iterator[dict[str, Any]]:
        nonlocal windows
        for row in rows_of_windows(classifier, listed, hop):
            windows += bool(row["category"])
            if row["problem"]:
                problems.append((row["path"], row["problem"]))
            if tracks:
                tracks.add(row)
            yield row
        if tracks:
            tracks.finish()

    save_rows(out, seen(), classifier)
    console.say(
        f"{out}: {count(windows, 'window')} of {count(len(listed), 'recording')} classified"
    )
    if labels:
        console.say(f"{labels}: a label file for each recording")
    _name(problems)
    return 0 if windows else EXIT_FAILED


def _say(answers: Answers, out: Path) -> int:
    """Say what came of it; return the exit code."""
    answered = len(answers.clips) - len(answers.reasons)
    console.say(f"{out}: {count(answered, 'clip')} classified")
    if answers.long:
        console.warn(
            f"{count(len(answers.long), 'recording')} of more than {LONG:g} times "
            f"{answers.classifier.seconds:g} s: only the beginning of each was heard; --hop "
            f"{answers.classifier.seconds:g} classifies all of it, window by window"
        )
    clips = answers.clips.clips
    _name([(clips[position].path, reason) for position, reason in answers.reasons.items()])
    return 0 if answered else EXIT_FAILED


def _name(problems: Sequence[tuple[str, str]]) -> None:
    """Name the files that cannot be read."""
    if problems:
        console.warn(f"{count(len(problems), 'clip')} cannot be read and have no label:")
    for path, reason in problems[:SHOWN]:
        console.say(f"  {path!r}: {reason}")
    if len(problems) > SHOWN:
        console.say(f"  ... and {len(problems) - SHOWN} more, in the column `problem`")


app = command(main)

if __name__ == "__main__":
    app()
