"""What is said of each window of recordings, row by row: nothing of a recording is held whole."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jobs.data.manifest import Manifest
from jobs.errors import InputError
from jobs.extract.config import FeatureConfig
from jobs.files import write_text
from jobs.inference.answers import SILENT
from jobs.inference.classifier import Classifier
from jobs.inference.window_reader import UnreadableError, WindowReader, Windows
from jobs.models.model import Fitted, Floats
from jobs.progress import Progress
from jobs.vote.calibration import calibrated, mean_log
from jobs.vote.tally import NOBODY, count_votes, mean_of_folds

Row = dict[str, Any]


def rows_of_windows(classifier: Classifier, clips: Manifest, hop: float) -> Iterator[Row]:
    """Yield a row for each window of each clip; of one that cannot be read, the reason.

    Args:
        classifier: whose voters all hear windows of one rate and length.
        clips: that are asked for.
        hop: seconds from one window to the next.

    Raises:
        InputError: its voters hear different windows.
    """
    configs = classifier.features
    if len({(each.sample_rate, each.samples) for each in configs}) > 1:
        raise InputError(
            "the voters of this ensemble hear windows of different rates or lengths, which --hop "
            "cannot lay over one another; vote with one run alone, or leave --hop out"
        )
    models = _loaded(classifier)
    progress = Progress("predict", len(clips), "recordings")
    with WindowReader(configs, hop) as reader:
        for position in progress.over(range(len(clips))):
            clip = clips.clips[position]
            try:
                for windows in reader.windows(clips.file_of(position)):
                    yield from _rows(classifier, models, configs, windows, clip.id, clip.path)
            except UnreadableError as error:
                yield _row(clip.id, clip.path, classifier) | {"problem": str(error)}


def _loaded(classifier: Classifier) -> dict[str, Fitted]:
    from jobs.train.compute.device import prepare_device

    return {
        member.name: member.load(prepare_device(member.config.threads))
        for member in classifier.members
    }


def _row(id_: str, path: str, classifier: Classifier) -> Row:
    empty = {f"p_{name}": "" for name in classifier.classes}
    return {
        "id": id_, "path": path, "start": "", "end": "", "category": "", "class_name": "",
        **empty, "confidence": "", "problem": "",
    }  # fmt: skip


def _rows(
    classifier: Classifier,
    models: Mapping[str, Fitted],
    configs: Sequence[FeatureConfig],
    windows: Windows,
    id_: str,
    path: str,
) -> Iterator[Row]:
    """Let all voters speak of some windows, as `Classifier.said` does of clips."""
    from threadpoolctl import threadpool_limits

    features = dict(zip(configs, windows.features, strict=True))
    stacked: list[Floats] = []
    for voter in classifier.voters:
        of_folds = []
        for member in voter.members:
            with threadpool_limits(member.config.threads):
                model = models[member.name]
                of_folds.append(model.predict_proba(features[member.config.features]))
        stacked += [mean_of_folds(of_folds)] * voter.times
    said = np.stack(stacked)
    tally = count_votes(said, classifier.combine)
    sure = calibrated(mean_log(said), classifier.temperature)
    for number, winner in enumerate(tally.winners.tolist()):
        at = {"start": f"{windows.starts[number]:.3f}", "end": f"{windows.ends[number]:.3f}"}
        if winner == NOBODY:
            yield _row(id_, path, classifier) | at | {"problem": SILENT}
            continue
        label = classifier.classes[winner]
        means = zip(classifier.classes, tally.mean[number], strict=True)
        yield _row(id_, path, classifier) | {
            **at,
            "category": label,
            "class_name": classifier.class_names.get(label, ""),
            "confidence": f"{sure[number, winner]:.9f}",
            **{f"p_{name}": f"{p:.9f}" for name, p in means},
        }


class LabelTracks:
    """Label files as Audacity imports them, one a recording: start, end, label.

    Windows that overlap and say the same are one label.

    Args:
        folder: where they go; made if need be.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self._labels = folder, list[tuple[float, float, str]]()
        self._id = ""
        self._names: dict[str, int] = {}

    def add(self, row: Row) -> None:
        """Take a row; those of one recording come one behind the other."""
        if row["id"] != self._id:
            self.finish()
            self._id = row["id"]
        if not row["category"]:
            return
        start, end = float(row["start"]), float(row["end"])
        label = row["class_name"] or row["category"]
        if self._labels and self._labels[-1][2] == label and start <= self._labels[-1][1]:
            self._labels[-1] = (self._labels[-1][0], end, label)
        else:
            self._labels.append((start, end, label))

    def finish(self) -> None:
        """Write the file of the recording whose rows were taken."""
        if self._id:
            stem = "".join(c if c.isalnum() or c in "-_. " else "_" for c in self._id)[-80:]
            self._names[stem] = self._names.get(stem, 0) + 1
            name = stem if self._names[stem] == 1 else f"{stem} ({self._names[stem]})"
            lines = [f"{start:.3f}\t{end:.3f}\t{label}\n" for start, end, label in self._labels]
            write_text(self.folder / f"{name}.txt", "".join(lines))
        self._labels, self._id = [], ""
