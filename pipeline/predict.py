"""`python -m pipeline.predict MODEL clips...`: labels for clips that nobody has seen."""

import math
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from jobs.data.recordings import RecordingHashes
from jobs.errors import InputError
from jobs.inference.answers import Answers
from jobs.inference.classifier import Classifier
from jobs.inference.clips import clips_in
from jobs.inference.delivery import Delivery, deliver
from jobs.inference.features import features_of
from jobs.inference.opening import open_classifier
from jobs.inference.windowed import rows_of_windows
from jobs.words import count
from pipeline.command import command
from pipeline.executors.choosing import Executor
from pipeline.pages import console, prediction_page
from pipeline.planning.resources import cpus_available
from pipeline.predict_in_jobs import Asked, predict_in_jobs


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
        typer.Option(
            help="Keep what is half done here; killed and given again, the same command goes on. "
            "Default for jobs: --out with `.work` behind it."
        ),
    ] = None,
    hop: Annotated[
        float | None,
        typer.Option(help="A row for each window of a recording, one every so many seconds."),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(help="With --hop: a folder for label files that Audacity imports."),
    ] = None,
    executor: Annotated[
        Executor,
        typer.Option(
            help="debug: in this process. local: in parallel processes of this machine. slurm: as "
            "jobs of a cluster. auto: slurm where it answers, else debug."
        ),
    ] = Executor.debug,
    site: Annotated[
        str | None, typer.Option(help="For jobs: a site in slurm/sites by its name, or a file.")
    ] = None,
    site_settings: Annotated[
        list[str] | None,
        typer.Option("--site-set", metavar="KEY=VALUE", help="Override a field of the site."),
    ] = None,
    per_task: Annotated[int | None, typer.Option(min=1, help="For jobs: clips per task.")] = None,
) -> int:
    """Classify clips with a finished ensemble: labels, probabilities, calibrated confidence.

    A file that cannot be read is named with the reason and gets no label.
    """
    if out.suffix.lower() not in (".csv", ".json"):
        raise InputError(f"--out {out}: the name must end in .csv or .json")
    if out.is_dir():
        raise InputError(f"--out {out} is a folder; name a file")
    if hop is not None and not 0 < hop < math.inf:
        raise InputError(f"--hop {hop:g} must be more than 0 seconds")
    if labels is not None and hop is None:
        raise InputError("--labels are of windows: say --hop, the seconds between two of them")
    labels = labels.absolute() if labels else None
    asked = Asked(model.absolute(), clips, out.absolute(), hop, labels, per_task)
    if executor is not Executor.debug:
        folder = (work or out.with_name(f"{out.name}.work")).absolute()
        return predict_in_jobs(asked, folder, executor, site, site_settings or [])
    classifier = open_classifier(asked.model)
    delivery = _predict(asked, classifier, work)
    return prediction_page.delivered(delivery, out, hop, classifier.seconds)


def _predict(asked: Asked, classifier: Classifier, work: Path | None) -> Delivery:
    """Classify in this process."""
    hashes = RecordingHashes(work / "recordings.csv" if work else None)
    if work is not None:
        work.mkdir(parents=True, exist_ok=True)
    listed = clips_in(asked.clips, hashes)
    prediction_page.introduce(len(listed), classifier)
    if asked.hop is not None:
        rows = rows_of_windows(classifier, listed, asked.hop)
        delivery = deliver(rows, asked.out, classifier.classes, asked.labels)
        if asked.labels:
            console.say(f"{asked.labels}: a label file for {count(delivery.clips, 'recording')}")
        return delivery
    with ExitStack() as stack:
        folder = work or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="predict-")))
        features = features_of(listed, classifier.features, folder, cpus_available())
        rows = Answers.of(classifier, listed, features).rows()
        return deliver(rows, asked.out, classifier.classes)


app = command(main)

if __name__ == "__main__":
    app()
