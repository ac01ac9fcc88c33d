"""How fast features are extracted: against a plain librosa loop, over cores, and from a cold start.

    python benchmarks/extraction.py                        # on clips that it makes itself
    python benchmarks/extraction.py --clips /data/clips    # on every MP3 below a folder

Ours is measured as a task does it: a worker process that decodes and computes, its records back in
the task. Both sides run on the same core, in turns of a few clips, so that a change of the
machine's speed meets both; each turn is tried three times and the best one counts. Only the ratios
mean anything on another machine.
"""

import os

# Before numpy is imported: one thread on both sides.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"

import argparse
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Literal

import librosa
import numpy as np
import soundfile

if not __package__:
    # Run as a script: not from this folder, in which `coverage` is not the package of that name.
    sys.path[0] = str(Path(__file__).parent.parent)

from jobs.data.synthetic import MadeClips, write_clips
from jobs.extract.audio.decode import decode
from jobs.extract.clip_features import ClipFeatures
from jobs.extract.config import FeatureConfig
from jobs.extract.workers.pool import WorkerPool
from jobs.extract.workers.request import WorkRequest
from jobs.process import REPOSITORY
from jobs.words import count

Set = Literal["v1", "v2"]
Measure = Callable[[Sequence[Path]], object]

TURN = 32
TRIES = 3
VERSIONS = ("librosa", "numpy", "scipy", "numba", "soxr", "soundfile")


def by_librosa(path: Path, features: Set) -> np.ndarray:
    """What a person writes who follows librosa's documentation."""
    y, _ = librosa.load(path, sr=22050, duration=6)
    y = librosa.util.fix_length(y, size=132300)
    by = librosa.feature
    if features == "v1":
        mel = by.melspectrogram(y=y, sr=22050, n_mels=64)
        return np.asarray(librosa.power_to_db(mel, ref=np.max))
    blocks = (
        by.mfcc(y=y, n_mfcc=40),
        by.melspectrogram(y=y),
        by.chroma_stft(y=y),
        by.spectral_centroid(y=y),
        by.spectral_contrast(y=y),
        by.tonnetz(y=y),
    )
    return np.vstack(blocks)


def records(workers: WorkerPool, paths: Sequence[Path]) -> list[ClipFeatures]:
    return list(workers.records([WorkRequest(path, (0,)) for path in paths]))


def ms_a_clip(measure: Measure, paths: Sequence[Path]) -> float:
    started = time.perf_counter()
    measure(paths)
    return 1e3 * (time.perf_counter() - started) / len(paths)


def written_as(suffix: str, paths: Sequence[Path], folder: Path) -> list[Path]:
    """Write MP3s as sound of another format, at their own rate and with their channels."""
    written = []
    for number, path in enumerate(paths):
        samples, rate = soundfile.read(path)
        written.append(folder / f"{number}.{suffix}")
        soundfile.write(written[-1], samples, rate)
    return written


def compare(paths: Sequence[Path], features: Set, title: str) -> None:
    """Print ms a clip of both sides and their ratio, measured in turns on one core."""
    config = FeatureConfig(features=features)
    turns = [paths[start : start + TURN] for start in range(0, len(paths), TURN)]
    with WorkerPool([config], 1) as workers:
        sides: dict[str, Measure] = {
            "librosa": lambda some: [by_librosa(path, features) for path in some],
            "ours": lambda some: records(workers, some),
            "floor": lambda some: [decode(path, config) for path in some],
        }
        for measure in sides.values():  # imports, compilation, filters
            measure(turns[0])
        times: dict[str, list[float]] = {name: [] for name in sides}
        for turn in turns:
            # The best of several: what others do on the machine only ever adds to it.
            tried = [
                {name: ms_a_clip(measure, turn) for name, measure in sides.items()}
                for _ in range(TRIES)
            ]
            for name in sides:
                times[name].append(min(each[name] for each in tried))
    ratios = [a / b for a, b in zip(times["librosa"], times["ours"], strict=True)]
    low, middle, high = np.percentile(ratios, [10, 50, 90])
    librosas, ours, floor = (statistics.median(times[name]) for name in sides)
    print(
        f"{title}: librosa {librosas:6.2f} ms a clip, ours {ours:5.2f}, decoding and resampling "
        f"alone {floor:4.2f}; ratio {middle:.2f} (turns: {low:.2f} to {high:.2f})"
    )


def scaling(paths: Sequence[Path], features: Set, cores: int) -> None:
    """Print what a task gains from more cores, all started and warm."""
    config = FeatureConfig(features=features)
    alone = 0.0
    for number in range(1, cores + 1):
        with WorkerPool([config], number) as workers:
            records(workers, paths[: 2 * TURN * number])
            times = [ms_a_clip(lambda some: records(workers, some), paths) for _ in range(3)]
        median = statistics.median(times)
        alone = alone or median
        cores_used = count(number, "core")
        share = alone / median
        print(f"{features} on {cores_used}: {median:5.2f} ms a clip, {share:.2f} of one")


def start_up(path: Path) -> None:
    """Print how long a task takes before its first clip is done: imports, kernels, one clip."""
    program = (
        "import sys; from pathlib import Path\n"
        "from jobs.extract.config import FeatureConfig\n"
        "from jobs.extract.extraction import extract_clip\n"
        "assert extract_clip(Path(sys.argv[1]), [FeatureConfig(features='v2')]).facts\n"
    )
    with tempfile.TemporaryDirectory() as cache:
        for what in ("with an empty kernel cache", "with the kernels cached"):
            started = time.perf_counter()
            subprocess.run(
                [sys.executable, "-c", program, str(path)],
                check=True,
                cwd=REPOSITORY,
                env=os.environ | {"NUMBA_CACHE_DIR": cache},
            )
            print(f"start of a task {what}: {time.perf_counter() - started:.2f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description="How fast features are extracted.")
    parser.add_argument("--clips", type=Path, help="folder with MP3s; default: made ones")
    parser.add_argument("--n", type=int, default=200, help="how many clips")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        folder = arguments.clips or Path(made)
        if arguments.clips is None:
            write_clips(folder, MadeClips(train=arguments.n, test=8, sample_rate=44_100))
        paths = sorted(folder.rglob("*.mp3"))[: arguments.n]
        everywhere = sorted(os.sched_getaffinity(0))
        print(f"{len(paths)} clips from {arguments.clips or 'our own making'}, {TURN} a turn")
        print(", ".join(f"{name} {version(name)}" for name in VERSIONS))
        print(f"Python {platform.python_version()}, {processor()}, {len(everywhere)} cores")
        os.sched_setaffinity(0, everywhere[-1:])
        compare(paths, "v1", "v1")
        compare(paths, "v2", "v2")
        for suffix in ("wav", "flac"):
            others = written_as(suffix, paths, Path(made))
            compare(others, "v1", f"v1 of {suffix.upper()}")
        os.sched_setaffinity(0, everywhere)
        scaling(paths, "v1", len(everywhere))
        scaling(paths, "v2", len(everywhere))
        start_up(paths[0])


def processor() -> str:
    """Return the processor's name."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


if __name__ == "__main__":
    main()
