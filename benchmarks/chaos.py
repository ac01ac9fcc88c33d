"""Launches on a real Slurm under faults: nothing may be lost, nothing done twice.

    make testbed-install
    python benchmarks/chaos.py --rounds 20 --seed 0

A round is one launch on small made clips (ResNet-8, under 60 s undisturbed) with several faults
drawn from `FAULTS`, a relaunch where one is needed, and at its end a submission.csv that is byte
for byte the undisturbed one. It exits with 1 on any breach, and prints what it gave and what it
cost.
"""

import argparse
import dataclasses
import platform
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

if not __package__:
    # Run as a script: not from this folder, in which `coverage` is not the package of that name.
    sys.path[0] = str(Path(__file__).parent.parent)

from benchmarks.faults import FAULTS as OF_JOBS
from benchmarks.faults import Round
from benchmarks.faults_of_commands import FAULTS as OF_COMMANDS
from jobs.data.synthetic import MadeClips, write_clips
from slurm.testbed.testbed import Testbed
from tests.slurm.cluster import Cluster

FAULTS = OF_JOBS | OF_COMMANDS
RELAUNCHES = 8
GRID = """\
seconds: 0.5
n_fft: 512
n_mels: 16
depth: 8
epochs: 150
batch_size: 8
lr: 0.05
weight_decay: 5e-4
threads: 1
shards: 4
zip:
  momentum: [0.9, 0.7, 0.5, 0.3]
  tier: [small, small, small, large]
"""


@dataclasses.dataclass(frozen=True)
class Result:
    """What a round was given and what it cost."""

    faults: tuple[str, ...]
    relaunches: int
    lost: int
    repeated: int
    seconds: float
    breaches: tuple[str, ...]


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--faults", type=int, default=3, help="faults a round")
    arguments = parser.parse_args()
    bed = Testbed.default()
    was_up = bed.is_up()
    bed.start()
    try:
        with tempfile.TemporaryDirectory(prefix="chaos-", dir="/var/tmp") as folder:
            results = run_rounds(bed, Path(folder), arguments)
    finally:
        if not was_up:
            bed.stop()
    return report(results)


def run_rounds(bed: Testbed, folder: Path, arguments: argparse.Namespace) -> list[Result]:
    data, grid = folder / "clips", folder / "grid.yaml"
    write_clips(data, MadeClips(train=40, test=12, seconds=0.5))
    grid.write_text(GRID)
    print(f"python {platform.python_version()}, {platform.node()}, seed {arguments.seed}")
    expected, seconds = undisturbed(data, grid, folder / "undisturbed")
    print(f"undisturbed, debug executor: {seconds:.0f} s")
    results = []
    for number in range(arguments.rounds):
        rng = random.Random(f"{arguments.seed}-{number}")
        cluster = Cluster(bed, folder / f"round-{number}")
        faults = rng.sample(sorted(FAULTS), arguments.faults)
        faults.sort(key=lambda name: name != "disk full")  # its disk must be there first
        result = one_round(Round(cluster, data, grid, rng), faults, expected)
        results.append(result)
        print(
            f"round {number:3}  {', '.join(result.faults):60}  {result.seconds:4.0f} s, "
            f"relaunches: {result.relaunches}, jobs lost: {result.lost}, "
            f"epochs repeated: {result.repeated}  {'; '.join(result.breaches) or 'ok'}",
            flush=True,
        )
    return results


def undisturbed(data: Path, grid: Path, out: Path) -> tuple[bytes, float]:
    started = time.monotonic()
    command = [sys.executable, "-m", "pipeline.launch", "--grid", str(grid), "--data", str(data)]
    subprocess.run(
        [*command, "--out", str(out), "--executor", "debug"], check=True, capture_output=True
    )
    return (out / "submission.csv").read_bytes(), time.monotonic() - started


def one_round(this: Round, faults: list[str], expected: bytes) -> Result:
    """Launch, give the faults, relaunch until nothing is missing, and judge."""
    started = time.monotonic()
    breaches: list[str] = []
    relaunches = lost = 0
    submission = this.cluster.out / "submission.csv"
    try:
        for name in faults:
            FAULTS[name].before(this)
        this.launch()
        for name in faults:
            FAULTS[name].during(this)
        for name in faults:
            FAULTS[name].after(this)
        this.cluster.drain(300)
        while not this.is_complete() and relaunches < RELAUNCHES:
            lost += this.count_failed()
            this.launch(retry_oom="out of memory" in faults)
            relaunches += 1
            this.cluster.drain(300)
    except (TimeoutError, AssertionError, subprocess.SubprocessError, OSError) as error:
        breaches.append(f"{type(error).__name__}: {error}")
    if not submission.exists() or submission.read_bytes() != expected:
        breaches.append("submission.csv is not the undisturbed one")
    breaches += this.trained_twice()
    if this.cluster.queue():
        breaches.append(f"jobs left behind: {this.cluster.queue()}")
        this.cluster.command("scancel", "--user=root")
    repeated = this.epochs_repeated()
    this.remove()
    return Result(
        tuple(faults), relaunches, lost, repeated, time.monotonic() - started,
        tuple(breaches),
    )  # fmt: skip


def report(results: list[Result]) -> int:
    """Print the sums; return the exit code."""
    given = Counter(name for result in results for name in result.faults)
    broken = [result for result in results if result.breaches]
    print()
    print(f"{len(results)} rounds, {sum(given.values())} faults given:")
    for name, count in sorted(given.items()):
        print(f"  {count:3} {name}")
    print(f"{sum(r.lost for r in results)} jobs lost to faults and done again by a relaunch")
    print(f"{sum(r.repeated for r in results)} epochs repeated")
    print(f"{sum(r.relaunches for r in results)} relaunches, {len(broken)} breaches")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
