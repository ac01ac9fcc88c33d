"""Do the intervals hold what they say? By simulation, where the truth is known.

    python benchmarks/coverage.py                 # all cells, 200 data sets each
    python benchmarks/coverage.py --sets 20 --cell 400

A data set is: clips of unequal difficulty, in groups or not; runs of unequal skill, each with
checkpoints that are right and wrong on the same clips for the most part; validation clips on which
all of it is ranked, and a test. The launch's rule chooses, its ensemble is scored on the test, and
it is asked whether that score lies in the interval: ours, that of percentiles of the bootstrapped
scores, and Wilson's on the naive score.
"""

import argparse
import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"

import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

if not __package__:
    # Run as a script: not from this folder, in which `coverage` is not the package of that name.
    sys.path[0] = str(Path(__file__).parent.parent)

from benchmarks.coverage_sets import Cell, learned, made
from jobs.vote.estimate.interval import Sample, intraclass_correlation, prediction_interval
from jobs.vote.estimate.pool import Pool
from jobs.vote.estimate.selection import repeat_selection, winners_of
from jobs.vote.rules import CHOOSE, VoteRules

DRAWS = 200


@dataclass(frozen=True)
class Seen:
    """What one data set gave: scores, and the three intervals.

    `truth` is the score on all test clips there are, of which a test has some or all.
    """

    test: float
    truth: float
    naive: float
    corrected: float
    ours: tuple[float, float]
    percentile: tuple[float, float]
    wilson: tuple[float, float]


def look_at(cell: Cell, seed: int) -> Seen:
    """Make a data set, estimate, and see."""
    rng = np.random.default_rng([seed, cell.runs, cell.checkpoints, cell.groups or 0])
    if cell.learners:
        pool, of_test, test_labels = learned(cell, rng)
    else:
        pool, of_test = made(cell, rng)
        test_labels = np.zeros(cell.test, np.int64)
    ones = np.ones(len(pool.labels))
    (ranking,) = pool.rankings([ones])
    places = pool_positions(pool, ranking)
    picks = [places[pick] for pick in CHOOSE[cell.rule.choose](ranking, cell.rule)]
    right = winners_of(pool.said[picks], cell.rule.combine) == pool.labels
    right_on_test = winners_of(of_test[picks], cell.rule.combine) == test_labels
    # Of a hidden test a test of this size is drawn, but bias is measured on all of it.
    drawn = rng.choice(len(right_on_test), cell.test, replace=False)
    on_test, truth = float(right_on_test[drawn].mean()), float(right_on_test.mean())
    repeated = repeat_selection(pool, {"chosen": cell.rule}, DRAWS, seed)["chosen"]
    validation, test = Sample.of(pool.groups), Sample.of(np.arange(cell.test))
    if cell.groups:
        test = Sample.of(np.arange(cell.test) // (cell.validation // cell.groups))
    correlation = intraclass_correlation(right.astype(float), pool.groups)
    corrected, naive = repeated.corrected, float(right.mean())
    low, high = np.percentile(repeated.scores, [2.5, 97.5])
    return Seen(
        test=on_test,
        truth=truth,
        naive=naive,
        corrected=corrected,
        ours=prediction_interval(corrected, validation, test, correlation),
        percentile=(float(low), float(high)),
        wilson=wilson(naive, cell.validation),
    )


def pool_positions(pool: Pool, ranking: object) -> list[int]:
    """Return the pool's position of each place of the ranking over all clips once."""
    accuracy, loss = pool.right.mean(axis=1), pool.loss.mean(axis=1)
    order = np.lexsort((pool.epochs, pool.entries, loss, -accuracy))
    taken: dict[int, int] = {}
    kept = []
    for model in order.tolist():
        entry = int(pool.entries[model])
        taken[entry] = taken.get(entry, 0) + 1
        if taken[entry] <= pool.keep[model]:
            kept.append(model)
    return kept


def wilson(share: float, clips: int) -> tuple[float, float]:
    """Return Wilson's interval for a proportion (1927), which knows of no selection and no test."""
    z = 1.96
    middle = (share + z**2 / (2 * clips)) / (1 + z**2 / clips)
    half = z / (1 + z**2 / clips) * np.sqrt(share * (1 - share) / clips + z**2 / (4 * clips**2))
    return float(middle - half), float(middle + half)


def cells() -> list[Cell]:
    plain = Cell("")
    found = [
        replace(plain, name=f"{runs * each} candidates", runs=runs, checkpoints=each)
        for runs, each in ((1, 5), (5, 5), (20, 5), (40, 10))
    ]
    found += [replace(plain, name="checkpoints alike 0.95", alike=0.95)]
    found += [replace(plain, name="100 validation clips", validation=100)]
    found += [replace(plain, name="2400 validation and test", validation=2400, test=2400, runs=10)]
    found += [
        replace(plain, name=f"{groups} groups, {together:g}", groups=groups, together=together)
        for groups in (5, 8, 20, 100)
        for together in (0.0, 0.1, 0.3)
    ]
    for choose, combine in (("best", "soft"), ("best-per-run", "hard"), ("greedy", "soft")):
        rule = VoteRules(choose=choose, combine=combine)
        found.append(replace(plain, name=rule.name, rule=rule))
    for folds in (3, 5, 10):
        found.append(replace(plain, name=f"{folds} folds", folds=folds))
    found.append(replace(plain, name="5 folds, 8 groups, 0.1", folds=5, groups=8, together=0.1))
    for runs, clips in ((27, 300), (81, 300), (81, 100)):
        halving = replace(plain, runs=runs, halving=3, validation=clips)
        found.append(replace(halving, name=f"halving {runs} by 3, {clips}"))
    found.append(replace(plain, name="25 real learners", learners=True, runs=25))
    return found


def share_inside(seen: Sequence[Seen], kind: str) -> tuple[float, float]:
    """Return how often an interval holds the test score, and its median width."""
    intervals = [getattr(each, kind) for each in seen]
    inside = [low <= each.test <= high for each, (low, high) in zip(seen, intervals, strict=True)]
    return float(np.mean(inside)), float(np.median([high - low for low, high in intervals]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--sets", type=int, default=200, help="data sets a cell")
    parser.add_argument("--cell", default="", help="only cells whose name contains this")
    asked = parser.parse_args()
    print(f"{asked.sets} data sets a cell, {DRAWS} draws; coverage and median width in points")
    print(f"{'cell':28} {'naive':>6} {'bias':>6}   {'ours':>12} {'percentile':>12} {'Wilson':>12}")
    with ProcessPoolExecutor() as pool:
        for cell in cells():
            if asked.cell not in cell.name:
                continue
            started = time.monotonic()
            seen = list(pool.map(look_at, [cell] * asked.sets, range(asked.sets)))
            naive = 100 * np.mean([each.naive - each.truth for each in seen])
            bias = 100 * np.mean([each.corrected - each.truth for each in seen])
            columns = []
            for kind in ("ours", "percentile", "wilson"):
                inside, width = share_inside(seen, kind)
                columns.append(f"{100 * inside:5.1f} {100 * width:6.1f}")
            seconds = time.monotonic() - started
            print(
                f"{cell.name:28} {naive:+6.2f} {bias:+6.2f}   "
                + " ".join(columns)
                + f"  {seconds:4.0f} s",
                flush=True,
            )


if __name__ == "__main__":
    main()
