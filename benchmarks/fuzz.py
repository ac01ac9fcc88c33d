"""Damaged sounds by the thousand: none may crash, hang or grow a task, or give wrong features.

    python benchmarks/fuzz.py --n 10000                        # of clips that it makes itself
    python benchmarks/fuzz.py --n 10000 --clips /data/clips    # of every MP3 below a folder

Each mutant is a real MP3, or the same sound as WAV, FLAC, OGG, Opus or AIFF, with one to three
mutations from `MUTATIONS`. It is extracted as a task does it. Exits with 1 on any breach: a task
that dies, features of the wrong shape or not finite, features that differ from those of the samples
that librosa reads from the same file, or memory that grows. A decoder that dies or hangs is no
breach, if only its clip is lost; it is counted.
"""

import argparse
import contextlib
import os
import random
import re
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import librosa
import numpy as np
import soundfile

if not __package__:
    # Run as a script: not from this folder, in which `coverage` is not the package of that name.
    sys.path[0] = str(Path(__file__).parent.parent)

from jobs.data.synthetic import MadeClips, write_clips
from jobs.extract.clip_features import ClipFeatures
from jobs.extract.config import FeatureConfig
from jobs.extract.features.analysis import compute
from jobs.extract.workers.pool import WorkerPool
from jobs.extract.workers.request import WorkRequest

# By suffix: container, what is in it, and at which rate (Opus knows few).
FORMATS: dict[str, tuple[str, str | None, int | None]] = {
    "wav": ("WAV", None, None), "flac": ("FLAC", None, None), "ogg": ("OGG", "VORBIS", None),
    "opus": ("OGG", "OPUS", 24_000), "aiff": ("AIFF", None, None),
}  # fmt: skip
BATCH = 200
COMPARED_EVERY = 50
# A process grows while its caches fill; after this many mutants it must have its size.
WARM_AFTER = 1000
GROWTH_MB = 64.0
CONFIGS = (FeatureConfig(), FeatureConfig(features="v2"))

Mutation = Callable[[bytearray, random.Random, bytes], None]


def flip_bits(mp3: bytearray, rng: random.Random, _other: bytes) -> None:
    for _ in range(rng.choice((1, 10, 100, 1000))):
        mp3[rng.randrange(len(mp3))] ^= 1 << rng.randrange(8)


def cut_end(mp3: bytearray, rng: random.Random, _other: bytes) -> None:
    del mp3[rng.randrange(len(mp3)) :]


def cut_start(mp3: bytearray, rng: random.Random, _other: bytes) -> None:
    del mp3[: rng.randrange(min(len(mp3), 5000))]


def cut_middle(mp3: bytearray, rng: random.Random, _other: bytes) -> None:
    start = rng.randrange(len(mp3))
    del mp3[start : start + rng.randrange(10_000)]


def splice(mp3: bytearray, rng: random.Random, other: bytes) -> None:
    """Put a piece of another MP3 somewhere: rates and channels change in mid-stream."""
    start = rng.randrange(len(other))
    offset = rng.randrange(len(mp3))
    mp3[offset:offset] = other[start : start + rng.randrange(20_000)]


def insert_noise(mp3: bytearray, rng: random.Random, _other: bytes) -> None:
    offset = rng.randrange(len(mp3))
    mp3[offset:offset] = rng.randbytes(rng.randrange(5000))


def zero_run(mp3: bytearray, rng: random.Random, _other: bytes) -> None:
    start = rng.randrange(len(mp3))
    stop = min(len(mp3), start + rng.randrange(5000))
    mp3[start:stop] = bytes(stop - start)


def edit_frame_headers(mp3: bytearray, rng: random.Random, _other: bytes) -> None:
    """Change version, layer, bit rate, sample rate or channels of some frames."""
    headers = [match.start() for match in re.finditer(rb"\xff[\xe0-\xff]", bytes(mp3))]
    for start in rng.sample(headers, min(len(headers), rng.choice((1, 5, 50)))):
        if start + 4 <= len(mp3):
            mp3[start + rng.randrange(1, 4)] ^= 1 << rng.randrange(8)


def edit_first_kilobyte(mp3: bytearray, rng: random.Random, _other: bytes) -> None:
    """Change what is in ID3 and Xing headers: sizes, counts, delays."""
    for _ in range(rng.choice((1, 5, 20))):
        mp3[rng.randrange(min(len(mp3), 1024))] = rng.randrange(256)


def repeat(mp3: bytearray, rng: random.Random, _other: bytes) -> None:
    mp3 *= rng.randrange(2, 4)


MUTATIONS: tuple[Mutation, ...] = (
    flip_bits, cut_end, cut_start, cut_middle, splice, insert_noise, zero_run,
    edit_frame_headers, edit_first_kilobyte, repeat,
)  # fmt: skip


@dataclass
class Report:
    """What became of the mutants."""

    statuses: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    compared: int = 0
    growth_mb: dict[str, float] = field(default_factory=dict)
    breaches: list[str] = field(default_factory=list)


def in_all_formats(sources: Sequence[Path], folder: Path) -> list[Path]:
    """Write each MP3 in one of the other formats, by turns, and return those with the MP3s."""
    written = []
    for number, source in enumerate(sources):
        suffix, (container, subtype, rate) = list(FORMATS.items())[number % len(FORMATS)]
        samples, of_source = librosa.load(source, sr=rate)
        path = folder / f"{number}.{suffix}"
        soundfile.write(path, samples, int(of_source), format=container, subtype=subtype)
        written.append(path)
    return [*sources, *written]


def mutants(sources: Sequence[Path], n: int, seed: int, folder: Path) -> Iterator[list[Path]]:
    """Write mutants in batches; a batch is gone when the next one is asked for."""
    originals = [(path.suffix, path.read_bytes()) for path in sources]
    for start in range(0, n, BATCH):
        paths = []
        for number in range(start, min(start + BATCH, n)):
            rng = random.Random(f"{seed} {number}")
            suffix, original = rng.choice(originals)
            mutant = bytearray(original)
            for mutation in rng.choices(MUTATIONS, k=rng.randrange(1, 4)):
                if mutant:
                    mutation(mutant, rng, rng.choice(originals)[1])
            # A wrong name must not matter.
            paths.append(folder / f"{number}{rng.choice((suffix, suffix, '.mp3'))}")
            paths[-1].write_bytes(mutant)
        yield paths
        for path in paths:
            path.unlink()


def fuzz(sources: Sequence[Path], n: int, seed: int, cpus: int, keep: Path | None = None) -> Report:
    """Extract `n` mutants of `sources`; those that breach are copied to `keep`."""
    report = Report()
    wanted = tuple(range(len(CONFIGS)))
    sizes: dict[str, float] = {}
    done = 0
    with tempfile.TemporaryDirectory() as folder, WorkerPool(CONFIGS, cpus) as workers:
        for paths in mutants(sources, n, seed, Path(folder)):
            records = workers.records([WorkRequest(path, wanted) for path in paths])
            for path, record in zip(paths, records, strict=True):
                if breach := _look_at(path, record, report, compare=done % COMPARED_EVERY == 0):
                    report.breaches.append(f"{path.name}: {breach}")
                    if keep is not None:
                        keep.mkdir(parents=True, exist_ok=True)
                        (keep / path.name).write_bytes(path.read_bytes())
                done += 1
            if done <= max(WARM_AFTER, BATCH):
                sizes = resident_mb(workers)
        report.growth_mb = {
            name: size - sizes[name] for name, size in resident_mb(workers).items() if name in sizes
        }
    for name, growth in report.growth_mb.items():
        if growth > GROWTH_MB:
            report.breaches.append(f"{name} has grown by {growth:.0f} MB")
    return report


def _look_at(path: Path, record: ClipFeatures, report: Report, compare: bool) -> str | None:
    """Count one record; return what is wrong with it, if anything is."""
    report.statuses[record.of_set(0).status] += 1
    if record.reason:
        report.reasons[re.sub(r"\d+", "N", record.reason)] += 1
        return None
    for config, features in zip(CONFIGS, record.features, strict=True):
        if features is None or features.shape != config.shape or not np.isfinite(features).all():
            return f"{config.features} is incomplete"
    samples = _by_librosa(path) if compare else None
    if samples is not None:
        report.compared += 1
        if not np.array_equal(compute(samples, CONFIGS[0]), np.asarray(record.features[0])):
            return "v1 differs from that of the samples that librosa reads"
    return None


def _by_librosa(path: Path) -> np.ndarray | None:
    """Return what librosa reads; None where it reads nothing, as of a FLAC file without a count."""
    with warnings.catch_warnings(), quiet_decoder():
        warnings.simplefilter("ignore")
        try:
            y, _ = librosa.load(path, sr=22050, duration=6)
        except Exception:  # it raises many kinds
            return None
    return np.asarray(librosa.util.fix_length(y, size=132300))


@contextlib.contextmanager
def quiet_decoder() -> Iterator[None]:
    """Send what libmpg123 writes to standard error about odd files to nowhere."""
    saved, sink = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(sink, 2)
    try:
        yield
    finally:
        os.dup2(saved, 2)
        os.close(sink)
        os.close(saved)


def resident_mb(workers: WorkerPool) -> dict[str, float]:
    """Return the memory of this process and of each worker, by name."""
    pids = {"the task": "self"} | {f"worker {pid}": str(pid) for pid in workers.pids}
    return {name: _resident_mb(pid) for name, pid in pids.items()}


def _resident_mb(pid: str) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024  # type: ignore[index]


def main() -> int:
    parser = argparse.ArgumentParser(description="Extract damaged MP3s.")
    parser.add_argument("--n", type=int, default=10_000, help="how many mutants")
    parser.add_argument("--clips", type=Path, help="folder with MP3s; default: made ones")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cpus", type=int, default=2)
    parser.add_argument("--keep", type=Path, help="where to copy mutants that breach")
    arguments = parser.parse_args()
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as made:
        if arguments.clips is None:
            write_clips(Path(made), MadeClips(train=32, test=8))
        sources = sorted((arguments.clips or Path(made)).rglob("*.mp3"))
        others = Path(made) / "others"
        others.mkdir()
        sources = in_all_formats(sources, others)
        report = fuzz(sources, arguments.n, arguments.seed, arguments.cpus, arguments.keep)
    seconds = time.monotonic() - started
    print(f"{arguments.n} mutants of {len(sources)} sounds, seed {arguments.seed}, {seconds:.0f} s")
    for status, count in report.statuses.most_common():
        print(f"{count:7} {status}")
    for reason, count in report.reasons.most_common():
        print(f"{count:7}   {reason}")
    print(f"{report.compared:7} compared with librosa")
    for name, growth in report.growth_mb.items():
        print(f"{growth:7.1f} MB by which {name} has grown")
    for breach in report.breaches:
        print(f"BREACH: {breach}")
    return 1 if report.breaches else 0


if __name__ == "__main__":
    sys.exit(main())
