"""What is said of each window of recordings, row by row: nothing of a recording is held whole."""

from collections.abc import Iterator, Mapping, Sequence

from jobs.data.manifest import Manifest
from jobs.errors import InputError
from jobs.extract.config import FeatureConfig
from jobs.inference.answers import SILENT, Row
from jobs.inference.classifier import Classifier
from jobs.inference.window_reader import UnreadableError, WindowReader, Windows
from jobs.models.model import Fitted, Floats
from jobs.progress import Progress
from jobs.vote.calibration import calibrated, mean_log
from jobs.vote.tally import NOBODY, count_votes


def rows_of_windows(classifier: Classifier, clips: Manifest, hop: float) -> Iterator[Row]:
    """Yield a row for each window of each clip; of one that cannot be read, the reason.

    Args:
        classifier: whose voters all hear windows of one rate and length.
        clips: that are asked for.
        hop: seconds from one window to the next.

    Raises:
        InputError: its voters hear different windows.
    """
    require_one_window(classifier)
    configs = classifier.features
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


def require_one_window(classifier: Classifier) -> None:
    """Refuse an ensemble whose windows cannot be laid over one another.

    Raises:
        InputError: says so.
    """
    if len({(each.sample_rate, each.samples) for each in classifier.features}) > 1:
        raise InputError(
            "the voters of this ensemble hear windows of different rates or lengths, which --hop "
            "cannot lay over one another; vote with one run alone, or leave --hop out"
        )


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
    found: list[Floats] = []
    for member in classifier.members:
        with threadpool_limits(member.config.threads):
            model = models[member.name]
            found.append(model.predict_proba(features[member.config.features]))
    said = classifier.votes_of(found)
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
