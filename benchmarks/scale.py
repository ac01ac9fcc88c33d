"""Does a launch stay quick when there are many clips? Manifests of 2,000, 20,000, 200,000 rows.

    python benchmarks/scale.py
    python benchmarks/scale.py --sizes 1000000

Each size is planned, partitioned and indexed in a process of its own, on files that exist (hard
links to a few) and features of one value in each of eight bands, in place of extracted ones:
writing them is not measured, verifying and joining them is. Prints seconds and peak memory.
"""

import argparse
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

if not __package__:
    # Run as a script: not from this folder, in which `coverage` is not the package of that name.
    sys.path[0] = str(Path(__file__).parent.parent)

from jobs.data.manifest import Manifest
from jobs.data.workspace import Workspace
from jobs.extract.clip_features import ClipFeatures
from jobs.extract.config import FeatureConfig
from jobs.extract.store.feature_store import FeatureStore
from jobs.extract.store.shard import ShardName
from jobs.extract.store.shard_writer import writing_shard
from pipeline.planning.grid import read_grid
from pipeline.planning.opening import open_plan
from pipeline.planning.plan import OpenedPlan
from pipeline.planning.site import LOCAL, load_site
from pipeline.stages.graph import remaining

# One frame of eight bands.
GRID = "seconds: 0.5\nhop_length: 20000\nn_mels: 8\nn_fft: 512\ndepth: 8\nepochs: 1\n"
FILES_A_FOLDER = 10_000


def write_data(root: Path, clips: int) -> None:
    """Write a data folder with a train.csv and a test.csv; a fifth of the clips is for the test."""
    (root / "one.mp3").write_bytes(b"not decoded")
    rows: dict[str, list[str]] = {"train.csv": ["path,label"], "test.csv": ["path"]}
    for number in range(clips):
        folder = root / f"{number // FILES_A_FOLDER:04}"
        folder.mkdir(exist_ok=True)
        # A file may have 65,000 names on some file systems.
        source = root / f"{number // 50_000}.source"
        if not source.exists():
            source.write_bytes(b"not decoded")
        path = folder / f"{number}.mp3"
        os.link(source, path)
        name = str(path.relative_to(root))
        if number % 5 == 0:
            rows["test.csv"].append(name)
        else:
            rows["train.csv"].append(f"{name},{number % 4}")
    for name, lines in rows.items():
        (root / name).write_text("\n".join(lines) + "\n")


def write_shards(manifest: Manifest, config: FeatureConfig, shards: int, folder: Path) -> None:
    """Write made-up features of all clips."""
    rng = np.random.default_rng(0)
    levels = np.zeros((2, config.level_bands), dtype=np.float32)
    for index in range(shards):
        name = ShardName(index, shards)
        positions = name.positions(len(manifest))
        with writing_shard(folder / str(name), config, len(positions)) as writer:
            for position in positions:
                clip = manifest.clips[position]
                features = rng.standard_normal(config.shape, dtype=np.float32)
                writer.add(position, clip, ClipFeatures(clip.sha256, (features,), (levels,)))


def measure(root: Path, clips: int) -> None:
    """Plan and index in this process, and print what it took."""
    data, out = root / "data", Workspace(root / "out")
    data.mkdir()
    write_data(data, clips)
    grid_file = root / "grid.yaml"
    grid_file.write_text(GRID)
    took: dict[str, float] = {}

    def timed(name: str, work: Callable[[], object]) -> object:
        started = time.perf_counter()
        result = work()
        took[name] = time.perf_counter() - started
        return result

    def plan() -> OpenedPlan:
        return open_plan(read_grid(grid_file), data, out, load_site(LOCAL))

    opened = timed("plan and hash", plan)
    assert isinstance(opened, OpenedPlan)
    timed("save the plan", opened.save)
    timed("plan again", plan)
    timed("see what is missing", lambda: remaining(opened))
    (config,), dataset, store = opened.plan.features, opened.dataset, FeatureStore(out.features)
    for side, manifest in dataset.sides.items():
        write_shards(manifest, config, opened.plan.shards[side], store.folder(manifest, config))

    def index() -> None:
        for extraction in opened.extractions.values():
            extraction.index(1)

    timed("index", index)
    timed("load the plan in a task", lambda: OpenedPlan.load(out))
    timed("open the index", lambda: store.open(dataset.labelled, config))
    timed("see that all is there", lambda: remaining(opened))
    peak = re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())
    shards = sum(opened.plan.shards.values())
    steps = ", ".join(f"{name} {seconds:.2f}" for name, seconds in took.items())
    print(
        f"{clips:9} clips, {shards:5} shards: {sum(took.values()):6.1f} s, peak memory "
        f"{int(peak[1]) / 1024 if peak else 0:5.0f} MB ({steps})",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Plan and index many clips.")
    parser.add_argument("--sizes", type=int, nargs="+", default=[2_000, 20_000, 200_000])
    parser.add_argument("--here", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.here is not None:
        measure(arguments.here, arguments.sizes[0])
        return
    print(f"Python {platform.python_version()}, numpy {np.__version__}, {os.cpu_count()} cores")
    for size in arguments.sizes:
        with tempfile.TemporaryDirectory() as root:
            command = [sys.executable, __file__, "--sizes", str(size), "--here", root]
            subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
