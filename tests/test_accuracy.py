"""How soon one grid is as good as another: known answers."""

from pathlib import Path

import numpy as np

from benchmarks.accuracy import Outer, reached
from jobs.train.history import HistoryRow


def run_of(*validated: float, seconds: float) -> list[HistoryRow]:
    """A run whose epochs take as long each and validate so well."""
    return [
        HistoryRow(
            epoch=k, lr=0.1, train_loss=1, train_accuracy=0, val_loss=1, val_accuracy=accuracy,
            seconds=seconds,
        )
        for k, accuracy in enumerate(validated)
    ]  # fmt: skip


def launch_of(*runs: list[HistoryRow]) -> Outer:
    return Outer(Path("out"), np.ones(3), list(runs))


def test_the_median_run_is_as_good_when_it_first_has_the_best_epoch_of_the_other_grid() -> None:
    base = [launch_of(run_of(0.2, 0.6, 0.5, 0.4, seconds=25))]  # 100 s, the best 0.6
    quick, slow = run_of(0.6, 0.1, seconds=10), run_of(0.1, 0.2, 0.9, 0.3, seconds=10)
    never, fitted = run_of(0.1, 0.59, seconds=10), run_of(0.99, seconds=1)
    assert reached(base, base) == "0.50 (1 of 1)"
    assert reached([launch_of(quick, slow)], base) == "0.20 (2 of 2)"
    assert reached([launch_of(quick, slow, never)], base) == "0.30 (2 of 3)"
    assert reached([launch_of(quick, never, never)], base) == "not (1 of 3)"
    assert reached([launch_of(fitted)], base) == ""  # it has no epochs
