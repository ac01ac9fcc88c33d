"""Several trainings on the same cores: what threads that spin while they wait cost.

    python benchmarks/waiting_threads.py --processes 3 --seconds 12

Each process trains a small wide_resnet with two threads: in turns as libgomp waits by itself, and
with the count of spins that `jobs` sets. A step's milliseconds are the mean of all processes.
"""

import argparse
import os
import platform
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).parent.parent
if not __package__:
    # Run as a script: not from this folder, in which `coverage` is not the package of that name.
    sys.path[0] = str(ROOT)

# None: as libgomp waits by itself, which a process does that imports torch before anything of ours.
COUNTS = {"libgomp's own": None, "ours": "1000"}


def train(seconds: float) -> float:
    """Return the milliseconds of a step, of as many as fit into the time."""
    import torch

    from jobs.models.wide_resnet import WideResNet

    torch.set_num_threads(2)
    net = WideResNet(width=16, stem_stride=4).build(10)
    clips, labels = torch.randn(16, 1, 64, 57), torch.randint(0, 10, (16,))
    optimizer = torch.optim.AdamW(net.parameters(), 1e-3)
    steps, started = 0, time.monotonic()
    while time.monotonic() - started < seconds:
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(net(clips), labels).backward()
        optimizer.step()
        steps += 1
    return 1000 * seconds / steps


def together(processes: int, seconds: float, count: str | None) -> float:
    """Return the mean of a step's milliseconds over processes that train at once."""
    command = [sys.executable, __file__, "--train", "--seconds", str(seconds)]
    environment = {k: v for k, v in os.environ.items() if k != "GOMP_SPINCOUNT"}
    environment |= {"GOMP_SPINCOUNT": count} if count else {}
    started = [
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(processes)
    ]
    return sum(float(each.communicate()[0]) for each in started) / processes


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--processes", type=int, default=3, help="at most so many at once")
    parser.add_argument("--seconds", type=float, default=12, help="of each measurement")
    parser.add_argument("--train", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.train:
        print(train(options.seconds))
        return
    print(
        f"{os.cpu_count()} cores, Python {platform.python_version()}, torch {version('torch')}\n\n"
        f"| at once | {' | '.join(f'{name}, ms a step' for name in COUNTS)} |\n|---|---|---|"
    )
    for processes in range(1, options.processes + 1):
        steps = [together(processes, options.seconds, count) for count in COUNTS.values()]
        print(f"| {processes} | {' | '.join(f'{each:.1f}' for each in steps)} |", flush=True)


if __name__ == "__main__":
    main()
