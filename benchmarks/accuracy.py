"""Which of two grids gives the better result, and in how much training? Nested folds.

    python benchmarks/accuracy.py --data D --grid benchmarks/baseline.yaml --grid grids/best.yaml

The labelled clips are cut into outer folds, groups kept whole. Each is withheld once as the test of
a whole launch over the others: nothing of it trains, ranks or votes. So every clip is judged once,
by a launch that never heard of it, and both grids are judged on the same clips. Launches lie in
--out and are gone on with where they were left.

Training time is the sum of the seconds in the history of all runs, on this machine, in turns. How
soon a grid is as good as the first one: each run of epochs, after how many seconds its validation
accuracy is first that of the first grid's best epoch on the same outer fold, as a share of all that
the first grid trained there.
"""

import argparse
import csv
import math
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parent.parent
if not __package__:
    # Run as a script: not from this folder, in which `coverage` is not the package of that name.
    sys.path[0] = str(ROOT)

from jobs.data.dataset import Dataset
from jobs.data.folds import draw_folds
from jobs.data.layouts import read_data
from jobs.data.workspace import Results, Workspace
from jobs.files import write_csv
from jobs.train.compute.device import Hardware
from jobs.train.history import History, HistoryRow
from jobs.vote.vote import Vote, hold_vote
from pipeline.planning.plan import OpenedPlan
from pipeline.stages.vote import entries


@dataclass(frozen=True)
class Outer:
    """One launch of a grid over all outer folds but one.

    Attributes:
        out: its output.
        right: of each clip of the fold that was withheld, whether it was right.
        histories: the epochs of each run; one row for what is fitted at once.
    """

    out: Path
    right: np.ndarray
    histories: list[list[HistoryRow]]

    @property
    def seconds(self) -> float:
        """Of training, all runs together."""
        return sum(row.seconds for rows in self.histories for row in rows)

    @property
    def best_epoch(self) -> float:
        """The highest validation accuracy of any epoch."""
        return max(row.val_accuracy for rows in self.histories for row in rows)

    def seconds_to(self, accuracy: float) -> list[float]:
        """Return for each run of epochs when it first validates so well; infinite if never."""
        return [seconds_until(rows, accuracy) for rows in self.histories if len(rows) > 1]


def seconds_until(rows: list[HistoryRow], accuracy: float) -> float:
    """Return the seconds of a run up to the first epoch that validates as well, else infinity."""
    spent = 0.0
    for row in rows:
        spent += row.seconds
        if row.val_accuracy >= accuracy:
            return spent
    return math.inf


def withhold(dataset: Dataset, test: list[int], folder: Path) -> Path:
    """Write a data folder in which some labelled clips are the test, and without labels."""
    folder.mkdir(parents=True, exist_ok=True)
    clips, held_out = dataset.labelled.clips, set(test)
    rows = [
        (dataset.labelled.file_of(k).resolve(), clip.label, clip.id, clip.group or "")
        for k, clip in enumerate(clips)
        if k not in held_out
    ]
    write_csv(folder / "train.csv", ("path", "label", "id", "group"), rows)
    tests = [(dataset.labelled.file_of(k).resolve(), clips[k].id) for k in sorted(held_out)]
    write_csv(folder / "test.csv", ("path", "id"), tests)
    return folder


def launch(grid: Path, data: Path, out: Path, settings: list[str]) -> None:
    """Launch in one process after the other, or go on with what lies there."""
    options = [word for each in [*settings, "outside=true"] for word in ("--set", each)]
    where = ["--grid", grid, "--data", data, "--out", out, "--executor", "debug"]
    done = subprocess.run(
        [sys.executable, "-m", "pipeline.launch", *map(str, where), *options],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(done.stdout[-2000:] + done.stderr[-2000:])


def judged(dataset: Dataset, test: list[int], submission: Path) -> np.ndarray:
    """Return of each withheld clip whether the submission has its label."""
    truth = {dataset.labelled.clips[k].id: str(dataset.labelled.clips[k].label) for k in test}
    with submission.open(newline="") as file:
        said = {row["id"]: row["category"] for row in csv.DictReader(file)}
    assert said.keys() == truth.keys()
    return np.array([said[each] == truth[each] for each in sorted(truth)])


def histories_of(opened: OpenedPlan, runs: range | None = None) -> list[list[HistoryRow]]:
    """Return the epochs of some runs, or of all."""
    numbers = runs if runs is not None else range(len(opened.plan.runs))
    return [History.load(opened.run(n).history).rows for n in numbers]


def first_entries(dataset: Dataset, test: list[int], out: Path, number: int) -> Outer:
    """Vote over the first entries of a grid alone, as if it had no others."""
    opened = OpenedPlan.load(Workspace(out))
    some = entries(opened)[:number]
    results = Results(out / f"first-{number}")
    results.folder.mkdir(exist_ok=True)
    if not Vote.among(opened.dataset, some, opened.plan.vote).is_held(results):
        hold_vote(results, opened.dataset, some, opened.plan.vote)
    runs = range(sum(run.entry < number for run in opened.plan.runs))
    return Outer(out, judged(dataset, test, results.submission), histories_of(opened, runs))


def outer_folds(dataset: Dataset, folds: int, seeds: int) -> Iterator[tuple[int, int, list[int]]]:
    """Yield a seed, the number of one of its outer folds, and the clips that this withholds."""
    names = {name: k for k, name in enumerate(dataset.classes)}
    labels = [names[str(clip.label)] for clip in dataset.labelled.clips]
    groups = [clip.group or clip.id for clip in dataset.labelled.clips]
    for seed in range(seeds):
        for number, test in enumerate(draw_folds(labels, groups, folds, seed)):
            yield seed, number, test


def compared(dataset: Dataset, arguments: argparse.Namespace) -> dict[str, list[Outer]]:
    """Launch all grids on all outer folds; return what each gave, by its name."""
    found: dict[str, list[Outer]] = {}
    withheld = outer_folds(dataset, arguments.folds, arguments.seeds)
    for seed, number, test in islice(withheld, arguments.at_most):
        folder = arguments.out / f"seed-{seed}-fold-{number}"
        data = withhold(dataset, test, folder / "data")
        # In turns, so that whatever else this machine does meets all grids.
        for grid in arguments.grid:
            out = folder / grid.stem
            launch(grid, data, out, [*arguments.settings, f"split_seed={seed}"])
            opened = OpenedPlan.load(Workspace(out))
            right = judged(dataset, test, out / "submission.csv")
            found.setdefault(grid.stem, []).append(Outer(out, right, histories_of(opened)))
            for first in range(1, min(arguments.first, len(entries(opened)) - 1) + 1):
                name = f"{grid.stem}, first {first}"
                found.setdefault(name, []).append(first_entries(dataset, test, out, first))
            print(f"seed {seed} fold {number} {grid.stem}: {right.mean():.3f}", flush=True)
    return found


def mean_and_error(values: list[float]) -> str:
    """Return a mean in percent with its standard error over launches."""
    mean = np.mean(values)
    if len(values) < 2:
        return f"{100 * mean:.1f}"
    return f"{100 * mean:.1f} ± {100 * np.std(values, ddof=1) / len(values) ** 0.5:.1f}"


def reached(outers: list[Outer], base: list[Outer]) -> str:
    """Say when the median run is as good as the baseline, as a share of the baseline's training."""
    shares = [
        seconds / against.seconds
        for outer, against in zip(outers, base, strict=True)
        for seconds in outer.seconds_to(against.best_epoch)
    ]
    if not shares:
        return ""
    median = float(np.median(shares))
    share = f"{median:.2f}" if math.isfinite(median) else "not"
    return f"{share} ({sum(map(math.isfinite, shares))} of {len(shares)})"


def row_of(name: str, outers: list[Outer], base: list[Outer]) -> str:
    scores = [float(each.right.mean()) for each in outers]
    gains = [float(a.right.mean() - b.right.mean()) for a, b in zip(outers, base, strict=True)]
    minutes = sum(each.seconds for each in outers) / len(outers) / 60
    share = sum(each.seconds for each in outers) / sum(each.seconds for each in base)
    gain = "" if outers is base else mean_and_error(gains)
    return (
        f"| {name} | {mean_and_error(scores)} | {gain} | {minutes:.1f} | {share:.2f} | "
        f"{reached(outers, base)} |"
    )


def trained_on(outers: list[Outer]) -> str:
    """Name the hardware and the versions that the runs themselves recorded."""
    found: dict[str, None] = {}
    for outer in outers:
        opened = OpenedPlan.load(Workspace(outer.out))
        for number in range(len(opened.plan.runs)):
            hardware = Hardware.load(opened.run(number).hardware)
            if "torch" in hardware.versions:
                versions = ", ".join(f"{name} {each}" for name, each in hardware.versions.items())
                place = f"{hardware.device} {hardware.cpu_capability}, {hardware.threads} threads"
                found[f"{place}, {versions}"] = None
    return "; ".join(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="a data folder with labels")
    parser.add_argument("--grid", type=Path, action="append", required=True, help="first: baseline")
    parser.add_argument("--folds", type=int, default=4, help="outer folds")
    parser.add_argument("--seeds", type=int, default=1, help="how often the folds are drawn anew")
    parser.add_argument("--set", dest="settings", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--out", type=Path, default=Path("work/accuracy"))
    parser.add_argument("--at-most", type=int, metavar="N", help="only the first N outer folds")
    parser.add_argument("--first", type=int, default=0, help="also the first 1, 2, .. n entries")
    arguments = parser.parse_args()
    dataset = read_data(arguments.data)
    found = compared(dataset, arguments)
    base = found[arguments.grid[0].stem]
    print(
        f"\n{len(dataset.labelled)} clips, {arguments.folds} outer folds, {arguments.seeds} seeds; "
        f"{trained_on([each for outers in found.values() for each in outers])}\n\n"
        "| grid | accuracy, % | gain | training, min | of the baseline's | as good after |\n"
        "|---|---|---|---|---|---|"
    )
    for name, outers in found.items():
        print(row_of(name, outers, base))


if __name__ == "__main__":
    main()
