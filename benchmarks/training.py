"""How fast a run trains, against a plain loop, in turns on the same machine and thread count.

    python benchmarks/training.py                    # on the CPU, or the GPU if there is one
    python benchmarks/training.py --depths 20 --rounds 5
    python benchmarks/training.py --together 4       # runs on one GPU at once (CUDA)

The plain loop is what a person writes first, and how the report trained: float32, eager, NCHW, a
DataLoader over a list of arrays, numpy augmentation clip by clip. Ours is what a run does: the
learner, the clips on the device, the same four changes in batches. Each turn is a process of its
own, so that neither side finds the other's memory; its first step warms up and is not counted.
Only the ratios mean anything on another machine.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

if not __package__:
    # Run as a script: not from this folder, in which `coverage` is not the package of that name.
    sys.path[0] = str(Path(__file__).parent.parent)

from benchmarks.extraction import processor
from benchmarks.plain_loop import BATCH, CHANGES, CLASSES, SHAPE, made_clips, peak_gb, plain_turn
from jobs.models.normalise import as_image, mean_and_deviation
from jobs.models.resnet import ResNet
from jobs.train.augment.epoch import EpochChanges
from jobs.train.clips.labelled import LabelledClips
from jobs.train.clips.order import batch_sizes
from jobs.train.clips.storage import RawClips, Resident
from jobs.train.compute.choices import Choices
from jobs.train.compute.memory import OTHERWISE, activation_bytes, memory_limit
from jobs.train.compute.setup import DeviceShare, set_up
from jobs.train.config import RunConfig
from jobs.train.learner import Learner
from jobs.train.run import Run


def our_turn(config: RunConfig, steps: int) -> dict[str, Any]:
    """Train as a run does; return clips per second, shares of the time and peak memory."""
    with tempfile.TemporaryDirectory() as folder:
        setup = set_up(Run(Path(folder)), config, CLASSES, DeviceShare(), 0)
    device, choices = setup.device, setup.choices
    clips, labels = made_clips(BATCH * (steps + 1))
    arrays = (as_image(clips), *mean_and_deviation(clips))
    resident = Resident(RawClips(*(torch.from_numpy(each).to(device) for each in arrays)))
    training = LabelledClips(tuple(range(len(clips))), resident, labels, device)
    learner = Learner(config, CLASSES, steps + 1, device, choices)
    learner.model.train()
    seconds = timed_epoch(learner, config, training)
    whole = sum(sum(step.values()) for step in seconds[1:])
    shares = {part: sum(step[part] for step in seconds[1:]) / whole for part in seconds[0]}
    return {
        "clips_per_s": BATCH * steps / whole,
        "peak_gb": peak_gb(device),
        "shares": shares,
        "choices": choices.model_dump(),
        "bound_share": None if device == "cpu" else bound_s(config, choices) * steps / whole,
    }


def timed_epoch(
    learner: Learner, config: RunConfig, clips: LabelledClips
) -> list[dict[str, float]]:
    """Return the seconds of each part of each step; the first step warms up."""
    order = np.random.default_rng(1).permutation(len(clips))
    batches = clips.batches(order, batch_sizes(len(order), BATCH))
    changes = EpochChanges(
        config.augmentations, SHAPE, CLASSES, 0, 1, visits=len(order), device=learner.device
    )
    steps: list[dict[str, float]] = []
    while True:
        took = Stopwatch(learner.device)
        batch = took.time("data", next, batches, None)
        if batch is None:
            return steps
        changed = took.time("augmentation", changes.apply, *batch)
        learner.schedule.before_step()
        logits = took.time("forward", learner.forward, changed.features)
        loss = F.cross_entropy(logits, changed.targets)
        took.time("backward", learner.backward, loss)
        steps.append(took.seconds)


@dataclass
class Stopwatch:
    """Times parts of a step; on a GPU it waits for each."""

    device: str
    seconds: dict[str, float] = field(default_factory=dict)

    def time(self, part: str, work: Callable[..., Any], *arguments: Any) -> Any:
        started = time.perf_counter()
        result = work(*arguments)
        if self.device == "cuda":
            torch.cuda.synchronize()
        self.seconds[part] = time.perf_counter() - started
        return result


def bound_s(config: RunConfig, choices: Choices) -> float:
    """Return the least time of a step by memory bandwidth alone, in seconds.

    Each activation that is kept is written and read in the forward pass, read again in the
    backward pass, and its gradient written and read: five times its bytes, at the bandwidth that
    copying a gigabyte reaches here.
    """
    kept = activation_bytes(config.net, CLASSES, SHAPE, BATCH)[0]
    moved = 5 * kept * (0.5 if choices.autocast else 1.0)
    source = torch.empty(2**28, device="cuda")  # 1 GiB
    target = torch.empty_like(source)
    target.copy_(source)
    torch.cuda.synchronize()
    started = time.perf_counter()
    for _ in range(10):
        target.copy_(source)
    torch.cuda.synchronize()
    bandwidth = 10 * 2 * source.nbytes / (time.perf_counter() - started)
    return moved / bandwidth


def turns(arguments: argparse.Namespace, side: str, depth: int, count: int) -> list[dict[str, Any]]:
    """Run `count` processes of a side at once and return what each measured."""
    command = [
        *(sys.executable, __file__, "--side", side, "--depths", str(depth)),
        *("--steps", str(arguments.steps), "--threads", str(arguments.threads)),
        *("--workers", str(arguments.workers)),
    ]
    started = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(count)]
    answers = [process.communicate()[0] for process in started]
    for process in started:
        if process.returncode:
            sys.exit(f"{side}, ResNet-{depth}: ended with {process.returncode}")
    return [json.loads(answer.splitlines()[-1]) for answer in answers]


def compare(arguments: argparse.Namespace, depth: int) -> None:
    """Print clips per second of both sides and their ratio."""
    plain, ours = [], []
    for _ in range(arguments.rounds):
        plain += turns(arguments, "plain", depth, 1)
        ours += turns(arguments, "ours", depth, 1)
    ratios = [b["clips_per_s"] / a["clips_per_s"] for a, b in zip(plain, ours, strict=True)]
    print(
        f"ResNet-{depth}: plain {_median(plain, 'clips_per_s'):8.1f} clips/s, "
        f"{_median(plain, 'peak_gb'):.1f} GB; ours {_median(ours, 'clips_per_s'):8.1f} clips/s, "
        f"{_median(ours, 'peak_gb'):.1f} GB; ratio {statistics.median(ratios):.2f} "
        f"(turns: {min(ratios):.2f} to {max(ratios):.2f})"
    )
    last = ours[-1]
    shares = ", ".join(f"{part} {100 * share:.1f} %" for part, share in last["shares"].items())
    print(f"    time in {shares}")
    print(f"    chosen: {json.dumps(last['choices'])}")
    if last["bound_share"] is not None:
        print(f"    {100 * last['bound_share']:.0f} % of what the memory bandwidth allows")


def fits(depth: int) -> bool:
    """Return whether the plain loop has memory enough here; if not, say so."""
    if torch.cuda.is_available():
        return True
    needed = activation_bytes(ResNet(depth=depth), CLASSES, SHAPE, BATCH)[0] + OTHERWISE
    if needed <= memory_limit():
        return True
    print(
        f"ResNet-{depth}: NOT MEASURED: it needs {needed / 1e9:.1f} GB, and there are "
        f"{memory_limit() / 1e9:.1f} GB"
    )
    return False


def _median(answers: list[dict[str, Any]], name: str) -> float:
    return statistics.median(answer[name] for answer in answers)


def compare_together(arguments: argparse.Namespace, depth: int) -> None:
    """Print what several runs on one GPU at once gain over one after the other."""
    alone = turns(arguments, "ours", depth, 1)[0]["clips_per_s"]
    at_once = sum(a["clips_per_s"] for a in turns(arguments, "ours", depth, arguments.together))
    print(
        f"ResNet-{depth}: {arguments.together} runs at once {at_once:.0f} clips/s, one after the "
        f"other {alone:.0f}; ratio {at_once / alone:.2f}"
    )


def machine() -> Iterator[str]:
    yield f"torch {torch.__version__}, numpy {np.__version__}, Python {platform.python_version()}"
    yield f"{processor()}, {len(os.sched_getaffinity(0))} cores"
    if torch.cuda.is_available():
        yield torch.cuda.get_device_name()
    else:
        yield "no GPU here: the CUDA path is not measured"


def main() -> None:
    parser = argparse.ArgumentParser(description="How fast a run trains.")
    parser.add_argument("--depths", type=int, nargs="+", default=[20, 110])
    parser.add_argument("--rounds", type=int, default=3, help="turns of each side")
    parser.add_argument("--steps", type=int, default=2, help="timed steps a turn")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--workers", type=int, default=0, help="of the plain loop's DataLoader")
    parser.add_argument("--together", type=int, default=4, help="runs on one GPU at once")
    parser.add_argument("--side", choices=("plain", "ours"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.side:
        settings = {"depth": arguments.depths[0], "batch_size": BATCH, **CHANGES}
        config = RunConfig.parse(settings | {"threads": arguments.threads})
        turn = (
            our_turn(config, arguments.steps)
            if arguments.side == "ours"
            else plain_turn(config, arguments.steps, arguments.workers)
        )
        print(json.dumps(turn))
        return
    print(
        f"[{SHAPE[0]}, {SHAPE[1]}], batch {BATCH}, {arguments.threads} threads; "
        f"{arguments.rounds} rounds of {arguments.steps} timed steps a side"
    )
    for line in machine():
        print(line)
    for depth in arguments.depths:
        if not fits(depth):
            continue
        compare(arguments, depth)
        if torch.cuda.is_available():
            compare_together(arguments, depth)


if __name__ == "__main__":
    main()
