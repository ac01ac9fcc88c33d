"""Made clips with known classes, for trying the pipeline where no recordings are at hand."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from jobs.errors import InputError
from jobs.files import read_json, write_json, write_text

Samples = npt.NDArray[np.float64]

# The class shares of the original competition's 11,886 clips are 841, 2424, 2758 and 3485.
SHARES = {0: 841, 1: 2424, 2: 2758, 3: 3485}
STAMP = "made.json"


@dataclass(frozen=True)
class MadeClips:
    """How many clips to make, and how hard to tell apart.

    Attributes:
        train: labelled clips, shared among four classes as in the competition.
        test: unlabelled clips, with the same shares.
        seconds: length of a clip.
        sample_rate: in Hz.
        noise: loudness of the background, relative to the call.
        seed: of everything random.
    """

    train: int = 160
    test: int = 48
    seconds: float = 6.0
    sample_rate: int = 22_050
    noise: float = 1.3
    seed: int = 0


def write_clips(root: Path, spec: MadeClips) -> bool:
    """Write a data folder in the competition's layout, with test labels beside it.

    The four classes are calls of random pitch, length and place under noise of random colour:
    0 falls in pitch, 1 rises, 2 is steady, 3 trembles. test_label.txt is not read by anything;
    it is there to score a submission.

    Returns:
        False if just these clips were there already.

    Raises:
        InputError: the folder holds recordings that we did not make.
    """
    stamp = root / STAMP
    found = read_json(stamp) if stamp.exists() else None
    if found == spec.__dict__:
        return False
    if found is None:
        _require_no_recordings(root)
    # From here on the folder is ours, even if we are killed half-way.
    write_json(stamp, {"making": spec.__dict__})
    for folder, labels, count in (
        ("train_mp3s", "train_label.txt", spec.train),
        ("test_mp3s", "test_label.txt", spec.test),
    ):
        _write_subset(root / folder, root / labels, count, spec)
    write_json(stamp, spec.__dict__)
    return True


def _require_no_recordings(root: Path) -> None:
    """Refuse a folder with recordings that we did not make."""
    for name in ("train_mp3s", "test_mp3s", "train_label.txt"):
        if (root / name).exists():
            raise InputError(
                f"{root / name} was not made by us and would be replaced; name an empty folder"
            )


def _write_subset(folder: Path, labels_file: Path, count: int, spec: MadeClips) -> None:
    import soundfile

    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    is_test = int(folder.name == "test_mp3s")
    labels = class_labels(count, np.random.default_rng([spec.seed, is_test]))
    for index, label in enumerate(labels):
        rng = np.random.default_rng([spec.seed, is_test, index])
        samples = made_clip(label, spec, rng)
        soundfile.write(folder / f"{index}.mp3", samples, spec.sample_rate, format="MP3")
    write_text(labels_file, "".join(f"{label}\n" for label in labels))


def class_labels(count: int, rng: np.random.Generator) -> list[int]:
    """Return `count` labels in random order, in the competition's shares, each at least twice."""
    total = sum(SHARES.values())
    sizes = {label: max(2, round(count * share / total)) for label, share in SHARES.items()}
    # Rounding may miss by a clip or two; the largest class makes up for it.
    sizes[3] += count - sum(sizes.values())
    labels = [label for label, size in sizes.items() for _ in range(size)]
    return [int(label) for label in rng.permutation(labels)]


def made_clip(label: int, spec: MadeClips, rng: np.random.Generator) -> Samples:
    """Return float64 [samples] in [-1, 1]: one call of class `label` somewhere in noise."""
    total = int(spec.seconds * spec.sample_rate)
    length = int(rng.uniform(0.4, 0.8) * total)
    start = rng.integers(0, total - length + 1)
    samples = spec.noise * _noise(total, rng)
    samples[start : start + length] += _call(label, length, spec.sample_rate, rng)
    return 0.9 * samples / np.abs(samples).max()


def _call(label: int, length: int, sample_rate: int, rng: np.random.Generator) -> Samples:
    time = np.arange(length) / sample_rate
    pitch = rng.uniform(300, 1500)  # Hz
    octaves = {0: -1.0, 1: 1.0}.get(label, 0.0) * rng.uniform(0.7, 1.4)
    frequency = pitch * 2 ** (octaves * np.linspace(-0.5, 0.5, length))
    if label == 3:
        frequency = frequency * (1 + 0.06 * np.sin(2 * np.pi * rng.uniform(3, 7) * time))
    phase = 2 * np.pi * np.cumsum(frequency) / sample_rate
    partials = sum(np.sin(k * phase) / k for k in (1, 2, 3))
    fade = np.minimum(1, np.minimum(time, time[::-1]) / 0.05)
    return rng.uniform(0.3, 0.6) * fade * partials


def _noise(length: int, rng: np.random.Generator) -> Samples:
    """Return noise of unit deviation whose spectrum falls by a random power of frequency."""
    spectrum = np.fft.rfft(rng.standard_normal(length))
    frequency = np.maximum(np.arange(len(spectrum)), 50)
    coloured = np.fft.irfft(spectrum * frequency ** -rng.uniform(0, 0.8), n=length)
    return coloured / coloured.std()
