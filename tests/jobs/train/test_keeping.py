"""Which checkpoints stay: the best, or those of planned epochs and the latest."""

from pathlib import Path

import pytest

from jobs.train.checkpoint import Checkpoint
from jobs.train.config import RunConfig
from jobs.train.keeping import kept, planned_epochs

BEST = RunConfig.parse({"epochs": 10, "keep": 3})
PLANNED = BEST.but(keep_by="planned")


@pytest.mark.parametrize(
    ("epochs", "keep", "planned"),
    [
        (50, 5, (25, 31, 38, 44, 50)),
        (10, 3, (5, 8, 10)),
        (10, 1, (10,)),
        (3, 5, (2, 3)),
        (1, 5, (1,)),
        (150, 2, (75, 150)),
    ],
)
def test_planned_are_the_last_epoch_and_others_over_the_last_half(
    epochs: int, keep: int, planned: tuple[int, ...]
) -> None:
    assert planned_epochs(epochs, keep) == planned


def checkpoints(*accuracies: float) -> list[Checkpoint]:
    return [Checkpoint(Path(), e, accuracy, 1.0, ".pt") for e, accuracy in enumerate(accuracies, 1)]


def kept_after_each(config: RunConfig, *accuracies: float) -> list[list[int]]:
    there: list[Checkpoint] = []
    found = []
    for checkpoint in checkpoints(*accuracies):
        there = kept([*there, checkpoint], config)
        found.append([each.epoch for each in there])
    return found


def test_the_best_stay_whenever_they_came() -> None:
    assert kept_after_each(BEST, 0.5, 0.7, 0.6, 0.1, 0.65) == [
        [1], [2, 1], [2, 3, 1], [2, 3, 1], [2, 5, 3],
    ]  # fmt: skip


def test_planned_ones_stay_however_bad_and_the_latest_stands_in() -> None:
    after = kept_after_each(PLANNED, 0.9, 0.8, 0.7, 0.6, 0.1, 0.2, 0.3)
    assert after[:4] == [[1], [2], [3], [4]]
    assert after[4:] == [[5], [6, 5], [7, 5]]  # 5 is planned; 7 is the latest so far


def test_a_part_that_is_off_renames_no_run() -> None:
    assert "planned_checkpoints" not in BEST.parts
    assert BEST.planned_epochs is None
    assert BEST.signature("a", "b") != PLANNED.signature("a", "b")
    fitted_at_once = RunConfig.parse({"model": "logistic", "features": "v3"})
    assert fitted_at_once.but(keep_by="planned") == fitted_at_once
