"""Classify and collect: what `python -m pipeline.predict --executor slurm` does in jobs."""

import logging
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from jobs.errors import DamagedFileError, InputError, NotReadyError
from jobs.files import read_json, write_json
from jobs.ownership import owning
from jobs.schema import Schema
from pipeline.stages.predict import PREDICT
from pipeline.stages.stage import StageOf, Wait
from pipeline.stages.vote import VOTE

if TYPE_CHECKING:
    from jobs.data.workspace import Workspace
    from jobs.inference.answers import Row
    from jobs.inference.classifier import Classifier
    from jobs.inference.delivery import Delivery
    from pipeline.planning.prediction import OpenedPrediction

log = logging.getLogger(__name__)


class PredictionStage(StageOf["OpenedPrediction"]):
    """A stage of a prediction."""

    script = "vote"
    in_site: ClassVar[str | None] = PREDICT.name

    def open(self, workspace: "Workspace") -> "OpenedPrediction":
        from pipeline.planning.prediction import OpenedPrediction

        return OpenedPrediction.load(workspace)


class Classify(PredictionStage):
    """Items are lists of clips. Features are made in a temporary folder and go with the task."""

    name = "classify"
    does = "features and answers of new clips"
    default = PREDICT.default

    def total(self, opened: "OpenedPrediction") -> int:
        return len(opened.plan.listings)

    def missing(self, opened: "OpenedPrediction") -> list[int]:
        return [task for task in range(self.total(opened)) if not opened.answers(task).exists()]

    def title(self, opened: "OpenedPrediction", item: int) -> str:
        return f"part {item + 1} of {self.total(opened)}"

    def do(self, opened: "OpenedPrediction", item: int, cpus: int) -> None:
        from jobs.inference.answers import BEGINNING, save_rows

        path = opened.answers(item)
        with owning(opened.workspace.lock(f"{self.name}-{item:05d}")):
            if path.exists():
                return
            classifier = _classifier(opened)
            rows = ({BEGINNING: ""} | row for row in _rows(opened, classifier, item, cpus))
            save_rows(path, rows, classifier.classes)
        log.info("%s is done", self.title(opened, item))


CLASSIFY = Classify()


class Collect(PredictionStage):
    """One item: all answers into the file that was asked for. Of half of them none is made."""

    name = "collect"
    does = "all answers into one file"
    # Not their success: once one of an array has failed, that cannot come any more, though another
    # job does its part.
    waits_for = Wait(CLASSIFY, "end")
    in_site = VOTE.name
    repeats = True

    def missing(self, opened: "OpenedPrediction") -> list[int]:
        return [] if delivery_of(opened) else [0]

    def do(self, opened: "OpenedPrediction", item: int, cpus: int) -> None:
        from jobs.inference.answers import read_rows
        from jobs.inference.delivery import deliver

        plan, classifier = opened.plan, _classifier(opened)
        if missing := CLASSIFY.missing(opened):
            first = CLASSIFY.title(opened, missing[0])
            raise NotReadyError(
                f"answers are missing for {len(missing)} of {CLASSIFY.total(opened)} parts, the "
                f"first is {first}; run the same command again"
            )
        out, labels = Path(plan.out), Path(plan.labels) if plan.labels else None
        with owning(opened.workspace.lock(self.name)):
            tasks = range(CLASSIFY.total(opened))
            rows = (row for task in tasks for row in read_rows(opened.answers(task)))
            delivery = deliver(rows, out, classifier.classes, labels)
            delivered = Delivered(
                identity=plan.identity,
                out=plan.out,
                labels=plan.labels,
                version=_version(out),
                delivery=delivery.model_dump(),
            )
            write_json(opened.delivered, delivered.model_dump(mode="json"))
        for sentence in delivery.sentences(out, plan.hop, classifier.seconds):
            log.info(sentence)


class Delivered(Schema):
    """That all answers of a plan are in its file, and what came of it.

    Attributes:
        identity: of the plan.
        out, labels: see `PredictionPlan`.
        version: size and time of change of the file, which somebody may write anew.
        delivery: see `Delivery`.
    """

    identity: str
    out: str
    labels: str | None
    version: tuple[int, int]
    delivery: dict[str, object]


def delivery_of(opened: "OpenedPrediction") -> "Delivery | None":
    """Return what came of a prediction; None until its file is there."""
    from jobs.inference.delivery import Delivery

    path = opened.delivered
    try:
        found = Delivered.checked(read_json(path), str(path))
        delivery = Delivery.checked(found.delivery, str(path))
        version = _version(Path(opened.plan.out))
    except (FileNotFoundError, DamagedFileError, InputError, AttributeError, TypeError):
        return None
    plan = opened.plan
    is_current = (found.identity, found.out, found.labels, found.version) == (
        plan.identity, plan.out, plan.labels, version
    )  # fmt: skip
    are_labelled = plan.labels is None or Path(plan.labels).is_dir()
    return delivery if is_current and are_labelled else None


def _version(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns


def _classifier(opened: "OpenedPrediction") -> "Classifier":
    from jobs.inference.opening import open_classifier

    classifier = open_classifier(Path(opened.plan.model))
    if classifier.fingerprint != opened.plan.voters:
        raise NotReadyError(
            f"{opened.plan.model} no longer has the voters with which this prediction was "
            "started; give the same command again"
        )
    return classifier


def _rows(
    opened: "OpenedPrediction", classifier: "Classifier", item: int, cpus: int
) -> "Iterator[Row]":
    from jobs.data.layouts.verify import hashed
    from jobs.data.manifest import Manifest
    from jobs.data.recordings import RecordingHashes
    from jobs.inference.answers import Answers
    from jobs.inference.features import features_of
    from jobs.inference.windowed import rows_of_windows

    root, clips = Path("/"), opened.clips(item)
    if opened.plan.hop is not None:
        yield from rows_of_windows(classifier, Manifest(root, tuple(clips)), opened.plan.hop)
        return
    try:
        manifest = hashed(root, clips, RecordingHashes())
    except InputError as error:
        raise NotReadyError(
            f"what was listed has changed ({error}); give the same command again"
        ) from error
    with tempfile.TemporaryDirectory(prefix="predict-") as folder:
        features = features_of(manifest, classifier.features, Path(folder), cpus)
        yield from Answers.of(classifier, manifest, features).rows()


COLLECT = Collect()
