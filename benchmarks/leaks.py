"""Is each leak found, and is a clean data set left alone? Whole launches, whose truth is known.

    python benchmarks/leaks.py --clean 40 --leaking 3

A data set is made, one leak is planted in it or none, it is launched, and the warnings of its
estimate are compared with what was planted. What any small data set is told is no alarm: that its
validation clips are too few to tell runs apart, or of few groups.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

ROOT = Path(__file__).parent.parent
if not __package__:
    # Run as a script: not from this folder, in which `coverage` is not the package of that name.
    sys.path[0] = str(ROOT)

from jobs.data.synthetic import MadeClips, write_clips

Samples = npt.NDArray[np.float64]
RATE, SECONDS = 22_050, 3.0
NO_ALARM = {"cannot-be-told-apart", "few-groups"}
GRID = """\
seconds: 3
depth: 8
epochs: 2
batch_size: 16
lr: 0.02
threads: 1
sweep:
  momentum: [0.9, 0.5]
"""


@dataclass(frozen=True)
class Data:
    """A made data folder."""

    root: Path
    rng: np.random.Generator

    def labelled(self) -> list[Path]:
        return sorted(self.root.glob("train_mp3s/*.mp3"), key=lambda path: int(path.stem))

    def test(self) -> list[Path]:
        return sorted(self.root.glob("test_mp3s/*.mp3"), key=lambda path: int(path.stem))

    def labels(self) -> list[str]:
        return (self.root / "train_label.txt").read_text().split()

    def add(self, samples: Samples, label: str, kilobits: int = 96) -> None:
        """Add a labelled clip."""
        labels = self.labels()
        write(self.root / "train_mp3s" / f"{len(labels)}.mp3", samples, kilobits)
        (self.root / "train_label.txt").write_text("\n".join([*labels, label]) + "\n")


def write(path: Path, samples: Samples, kilobits: int) -> None:
    level = min((160 - kilobits) / 152, 0.9999)
    soundfile.write(
        path, np.clip(samples, -1, 1), RATE, "MPEG_LAYER_III", format="MP3",
        compression_level=level, bitrate_mode="CONSTANT",
    )  # fmt: skip


def read(path: Path) -> Samples:
    return np.asarray(soundfile.read(path)[0])


def nothing(data: Data) -> None:
    """Plant nothing."""


def copies(data: Data) -> None:
    """Encode every third labelled clip again, softer and a little later."""
    for path, label in list(zip(data.labelled(), data.labels(), strict=True))[::3]:
        later = np.concatenate([np.zeros(int(data.rng.uniform(0, 0.2) * RATE)), read(path)])
        data.add(0.7 * later, label, kilobits=64)


def overlapping_cuts(data: Data) -> None:
    """Make two cuts each of recordings, 1.5 to 2 of three seconds in common."""
    found = list(zip(data.labelled(), data.labels(), strict=True))
    for path, label in found[:40]:
        partner = next(p for p, of in found[40:] if of == label)
        whole = np.concatenate([read(path), read(partner)])
        data.add(whole[int(data.rng.uniform(1.0, 1.5) * RATE) :][: int(SECONDS * RATE)], label)


def other_microphone(data: Data) -> None:
    """Let the test come through a microphone that is deaf above 3 kHz."""
    for path in data.test():
        spectrum = np.fft.rfft(read(path))
        hz = np.fft.rfftfreq(2 * len(spectrum) - 2, 1 / RATE)
        write(path, np.fft.irfft(spectrum / (1 + (hz / 3000) ** 4)), 96)


def other_codec(data: Data) -> None:
    """Let the test be 24 kbit/s."""
    for path in data.test():
        write(path, read(path), 24)


def loudness(data: Data) -> None:
    """Let the label be told by how loud a clip is."""
    for path, label in zip(data.labelled(), data.labels(), strict=True):
        samples = read(path)
        gain = 10 ** ((-6 * int(label) + data.rng.uniform(-1, 1)) / 20)
        write(path, gain * samples / np.abs(samples).max(), 96)


@dataclass(frozen=True)
class Leak:
    """What is planted, and one of which warnings must say so."""

    plant: Callable[[Data], None]
    kinds: frozenset[str]


LEAKS = {
    "copies": Leak(copies, frozenset({"copies-in-validation"})),
    "overlapping cuts": Leak(overlapping_cuts, frozenset({"copies-in-validation"})),
    "another microphone": Leak(other_microphone, frozenset({"test-unlike-training"})),
    "another codec": Leak(
        other_codec, frozenset({"test-unlike-training", "test-recorded-otherwise"})
    ),
    "loudness": Leak(loudness, frozenset({"shortcut"})),
}


def warned_of(plant: Callable[[Data], None], seed: int) -> dict[str, str]:
    """Launch over made data; return the warnings by kind."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_clips(root / "data", MadeClips(train=150, test=60, seconds=SECONDS, seed=seed))
        plant(Data(root / "data", np.random.default_rng(seed)))
        (root / "grid.yaml").write_text(GRID)
        command = [
            sys.executable, "-m", "pipeline.launch", "--grid", root / "grid.yaml",
            "--data", root / "data", "--out", root / "out", "--executor", "debug",
        ]  # fmt: skip
        done = subprocess.run(list(map(str, command)), cwd=ROOT, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(done.stdout[-2000:] + done.stderr[-2000:])
        found = json.loads((root / "out" / "estimate.json").read_text())
        return {each["kind"]: each["sentence"] for each in found["warnings"]}


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--clean", type=int, default=40)
    parser.add_argument("--leaking", type=int, default=3)
    parser.add_argument("--at-once", type=int, default=2)
    arguments = parser.parse_args()
    with ThreadPoolExecutor(arguments.at_once) as pool:
        clean = list(pool.map(lambda seed: warned_of(nothing, seed), range(arguments.clean)))
        alarms = Counter(kind for each in clean for kind in each if kind not in NO_ALARM)
        alarming = sum(bool(set(each) - NO_ALARM) for each in clean)
        print(f"clean: {alarming} of {len(clean)} with an alarm {dict(alarms)}", flush=True)
        missed = 0
        for name, leak in LEAKS.items():
            seeds = range(1000, 1000 + arguments.leaking)
            found = list(pool.map(lambda seed, leak=leak: warned_of(leak.plant, seed), seeds))
            told = [each for each in found if leak.kinds & set(each)]
            missed += len(found) - len(told)
            example = next((each[kind] for each in told for kind in leak.kinds & set(each)), "")
            print(f"{name}: found in {len(told)} of {len(found)}: {example}", flush=True)
    return int(alarming > 0.05 * arguments.clean or missed > 0)


if __name__ == "__main__":
    sys.exit(main())
