"""Which ONNX files an ensemble gives, and why some voters have none."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from jobs.extract.config import FeatureConfig
from jobs.inference.classifier import Classifier, Member, Voter
from jobs.models.model import EVALUATION_BATCH, Floats
from jobs.models.net import Net
from jobs.vote.calibration import calibrated, mean_log
from jobs.vote.tally import mean_of_folds

CHECKED = 64
ENSEMBLE = "ensemble"


@dataclass(frozen=True)
class Graph:
    """One ONNX file: its name, what it stands for, and how far it is from that.

    Attributes:
        name: of the file.
        title: of the voter.
        difference: the largest of any probability, over the clips that were compared.
    """

    name: str
    title: str
    difference: float


@dataclass(frozen=True)
class LeftOut:
    """What has no ONNX file, and why."""

    title: str
    reason: str


def why_not(member: Member) -> str | None:
    """Return why a model cannot begin at the samples; None if it can."""
    if not isinstance(member.config.model, Net):
        return f"`{member.config.model.name}` is no network; predict takes it from this folder"
    if member.config.features.features != "v1":
        return (
            f"its features, {member.config.features.features}, are not part of the graph; predict "
            "takes it from this folder"
        )
    return None


def heard_alike(classifier: Classifier) -> bool:
    """Return whether all voters start from the same samples."""
    return len({(each.sample_rate, each.samples) for each in classifier.features}) == 1


def write_graphs(
    classifier: Classifier, folder: Path, recordings: Sequence[Path]
) -> tuple[list[Graph], list[LeftOut]]:
    """Write an ONNX file for each net of v1, and one of the ensemble where that is possible.

    Args:
        classifier: the ensemble.
        folder: for the files.
        recordings: validation clips on which each file is compared, beside some odd clips.

    Raises:
        InputError: a package is missing, or a file differs from what it stands for.
    """
    from jobs.inference.onnx_file import require_packages

    require_packages()
    folder.mkdir()
    graphs: list[Graph] = []
    left_out: list[LeftOut] = []
    for member, title in _titled(classifier):
        if reason := why_not(member):
            left_out.append(LeftOut(title, reason))
        else:
            graphs.append(_graph_of(member, title, classifier, folder, recordings))
    if left_out:
        left_out.append(LeftOut("the ensemble", "not all of its voters begin at the samples"))
    elif not heard_alike(classifier):
        left_out.append(LeftOut("the ensemble", "its voters hear other rates or lengths"))
    else:
        graphs.append(_graph_of_all(classifier, folder, recordings))
    return graphs, left_out


def _titled(classifier: Classifier) -> list[tuple[Member, str]]:
    """Return each model once, with the name of its voter."""
    found: dict[str, tuple[Member, str]] = {}
    for voter in classifier.voters:
        for fold, member in enumerate(voter.members, start=1):
            of_fold = f", fold {fold}" if len(voter.members) > 1 else ""
            found.setdefault(member.name, (member, f"{voter.title}{of_fold}"))
    return list(found.values())


def _graph_of(
    member: Member, title: str, classifier: Classifier, folder: Path, recordings: Sequence[Path]
) -> Graph:
    from jobs.inference.from_samples import NetFromSamples
    from jobs.inference.onnx_file import require_equal, run_onnx, write_onnx
    from jobs.models.fitted_net import FittedNet

    net, config = member.load("cpu"), member.config.features
    assert isinstance(net, FittedNet)
    path = folder / f"{member.name}.onnx"
    write_onnx(NetFromSamples(config, net), config, classifier.classes, path)
    samples = _samples(config, recordings)
    label, _ = run_onnx(path, samples)
    expected = net.predict_proba(_features(config, samples))
    return Graph(path.name, title, require_equal(path, label, expected))


def _graph_of_all(classifier: Classifier, folder: Path, recordings: Sequence[Path]) -> Graph:
    from jobs.inference.from_samples import EnsembleFromSamples
    from jobs.inference.onnx_file import require_equal, run_onnx, write_onnx
    from jobs.models.fitted_net import FittedNet

    nets = [member.load("cpu") for member in classifier.members]
    fitted = [net for net in nets if isinstance(net, FittedNet)]
    config = classifier.features[0]
    path = folder / f"{ENSEMBLE}.onnx"
    write_onnx(EnsembleFromSamples(classifier, fitted), config, classifier.classes, path)
    samples = _samples(config, recordings)
    label, _ = run_onnx(path, samples)
    features = {each: _features(each, samples) for each in classifier.features}
    by_name = dict(zip([m.name for m in classifier.members], fitted, strict=True))

    def said(voter: Voter) -> Floats:
        return mean_of_folds([
            by_name[member.name].predict_proba(features[member.config.features])
            for member in voter.members
        ])  # fmt: skip

    votes = np.stack([s for v in classifier.voters for s in [said(v)] * v.times])
    expected = calibrated(mean_log(votes), classifier.temperature).astype(np.float32)
    return Graph(path.name, "the ensemble", require_equal(path, label, expected))


def _samples(config: FeatureConfig, recordings: Sequence[Path]) -> Floats:
    """Return what is compared: some recordings, and clips that break features."""
    from jobs.extract.audio.decode import DecodeError, decode
    from jobs.inference.onnx_file import odd_clips

    heard: list[Floats] = []
    for path in recordings:
        if len(heard) == CHECKED:
            break
        try:
            heard.append(decode(path, config)[0])
        except (DecodeError, OSError):
            continue  # in quarantine, or no longer there
    return np.concatenate([*([np.stack(heard)] if heard else []), odd_clips(config.samples)])


def _features(config: FeatureConfig, samples: Floats) -> Floats:
    from jobs.extract.features.analysis import compute

    assert EVALUATION_BATCH >= CHECKED
    return np.stack([compute(each, config) for each in samples])
