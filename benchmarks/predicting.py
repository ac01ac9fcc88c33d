"""How fast a finished ensemble classifies new clips, against a plain loop; in turns.

    python benchmarks/predicting.py MODEL /data/clips --n 400

The plain loop is what a notebook does: librosa loads a file, its log-mel spectrogram goes through
the voters one clip at a time. Both start with loaded libraries and models; ours starts its workers
anew each turn, as the command does. MODEL is an output or an export whose voters are nets of v1.
"""

import argparse
import platform
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np

if not __package__:
    # Run as a script: not from this folder, in which `coverage` is not the package of that name.
    sys.path[0] = str(Path(__file__).parent.parent)

from jobs.data.manifest import Manifest
from jobs.inference.answers import Answers
from jobs.inference.classifier import Classifier
from jobs.inference.clips import clips_in
from jobs.inference.features import features_of
from jobs.inference.opening import open_classifier
from jobs.models.fitted_net import FittedNet
from pipeline.planning.resources import cpus_available

TURNS = 3


def ours(classifier: Classifier, clips: Manifest) -> list[str]:
    """Return a label for each clip, as `pipeline.predict` does."""
    with tempfile.TemporaryDirectory() as folder:
        features = features_of(clips, classifier.features, Path(folder), cpus_available())
        rows = Answers.of(classifier, clips, features).rows()
        return [row["category"] for row in rows]


def plain(classifier: Classifier, nets: list[FittedNet], clips: Manifest) -> list[str]:
    """Return the class with the highest mean probability for each clip, file by file."""
    import librosa
    import torch

    (config,) = classifier.features
    labels = []
    for position in range(len(clips)):
        samples, _ = librosa.load(
            clips.file_of(position), sr=config.sample_rate, duration=config.seconds
        )
        samples = librosa.util.fix_length(samples, size=config.samples)
        power = librosa.feature.melspectrogram(
            y=samples, sr=config.sample_rate, n_fft=config.n_fft, hop_length=config.hop_length,
            n_mels=config.n_mels,
        )  # fmt: skip
        image = librosa.power_to_db(power, ref=np.max)
        image = (image - image.mean()) / max(float(image.std()), 1e-8)
        with torch.inference_mode():
            x = torch.from_numpy(image.astype(np.float32))[None, None]
            said = torch.stack([net.module.eval()(x).softmax(dim=1)[0] for net in nets]).mean(dim=0)
        labels.append(classifier.classes[int(said.argmax())])
    return labels


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("clips", type=Path)
    parser.add_argument("--n", type=int, default=400)
    arguments = parser.parse_args()
    classifier = open_classifier(arguments.model.absolute())
    found = clips_in([arguments.clips])
    clips = Manifest(found.root, found.clips[: arguments.n])
    loaded = [member.load("cpu") for member in classifier.members]
    nets = [net for net in loaded if isinstance(net, FittedNet)]
    first = Manifest(clips.root, clips.clips[:8])
    ours(classifier, first), plain(classifier, nets, first)  # libraries and kernels are warm
    seconds: dict[str, list[float]] = {"ours": [], "plain": []}
    for _ in range(TURNS):
        started = time.perf_counter()
        labels = ours(classifier, clips)
        seconds["ours"].append(time.perf_counter() - started)
        started = time.perf_counter()
        others = plain(classifier, nets, clips)
        seconds["plain"].append(time.perf_counter() - started)
    rates = {name: len(clips) / float(np.median(each)) for name, each in seconds.items()}
    ratios = [b / a for a, b in zip(seconds["ours"], seconds["plain"], strict=True)]
    agree = np.mean([a == b for a, b in zip(labels, others, strict=True)])
    print(
        f"{len(clips)} clips, {len(nets)} nets, {TURNS} turns; Python {platform.python_version()}, "
        f"torch {version('torch')}, librosa {version('librosa')}, {cpus_available()} CPUs\n"
        f"ours {rates['ours']:.0f} clips/s, plain loop {rates['plain']:.0f} clips/s; ratio "
        f"{np.median(ratios):.2f} (turns: {min(ratios):.2f} to {max(ratios):.2f}); "
        f"{agree:.1%} of the labels agree"
    )


if __name__ == "__main__":
    main()
