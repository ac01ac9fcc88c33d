"""Of labels that are wrong, how many stand on top of labels_to_check.csv? Whole launches.

    python benchmarks/wrong_labels.py                           # on clips that it makes itself
    python benchmarks/wrong_labels.py --clips /data/labelled    # on a data folder of yours

In each round labels are drawn and replaced by another class. A logistic regression on v3 is trained
on five folds, so that each label is judged by a model that has not seen it, and the first twenty
of the list are compared with what was planted. What is wrong in the folder already counts as a
mistake of the list.
"""

import argparse
import csv
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parent.parent
if not __package__:
    # Run as a script: not from this folder, in which `coverage` is not the package of that name.
    sys.path[0] = str(ROOT)

from jobs.data.dataset import Dataset
from jobs.data.layouts import read_data
from jobs.data.synthetic import MadeClips, write_clips
from jobs.files import write_csv

FIRST = 20
GRID = "model: logistic\nlogistic_c: 0.01\nfeatures: v3\nfolds: 5\noutside: true\n"


def plant(dataset: Dataset, wrong: int, rng: np.random.Generator, folder: Path) -> set[str]:
    """Write a train.csv over the recordings with `wrong` wrong labels; return the ids of these."""
    clips = dataset.labelled.clips
    labels = [str(clip.label) for clip in clips]
    planted = rng.choice(len(clips), wrong, replace=False).tolist()
    for position in planted:
        others = [name for name in dataset.classes if name != labels[position]]
        labels[position] = others[rng.integers(len(others))]
    rows = (
        (dataset.labelled.file_of(k).resolve(), label, clip.id, clip.group or "")
        for k, (clip, label) in enumerate(zip(clips, labels, strict=True))
    )
    folder.mkdir()
    write_csv(folder / "train.csv", ("path", "label", "id", "group"), rows)
    return {clips[position].id for position in planted}


def listed(data: Path, folder: Path) -> tuple[list[str], float]:
    """Launch; return the ids of labels_to_check.csv, surest first, and the out-of-fold score."""
    grid, out = folder / "grid.yaml", folder / "out"
    grid.write_text(GRID)
    command = [sys.executable, "-m", "pipeline.launch", "--executor", "debug"]
    options = ["--grid", grid, "--data", data, "--out", out]
    done = subprocess.run(
        [*command, *map(str, options)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(done.stdout[-2000:] + done.stderr[-2000:])
    with (out / "labels_to_check.csv").open(newline="") as file:
        ids = [row["id"] for row in csv.DictReader(file)]
    estimate = json.loads((out / "estimate.json").read_text())
    return ids, float(estimate["chosen"]["naive"])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--clips", type=Path, help="a data folder whose labels are right")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--share", type=float, default=0.05, help="of the labels that are replaced")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as root:
        clips = arguments.clips
        if clips is None:
            clips = Path(root) / "made"
            write_clips(clips, MadeClips(train=400, test=0, seconds=3.0))
        dataset = read_data(clips)
        wrong = round(arguments.share * len(dataset.labelled))
        for seed in range(arguments.rounds):
            folder = Path(root) / str(seed)
            folder.mkdir()
            planted = plant(dataset, wrong, np.random.default_rng(seed), folder / "data")
            ids, score = listed(folder / "data", folder)
            true = sum(each in planted for each in ids[:FIRST])
            print(
                f"round {seed}: {wrong} of {len(dataset.labelled)} labels replaced; {true} of the "
                f"first {min(FIRST, len(ids))} listed are among them, {len(planted & set(ids))} "
                f"of all {len(ids)} listed (out-of-fold score {score:.3f})",
                flush=True,
            )


if __name__ == "__main__":
    main()
