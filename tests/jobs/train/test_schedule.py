"""The learning rate over a run, and when to stop."""

import math
from collections.abc import Sequence

import pytest
import torch

from jobs.train.config import RunConfig
from jobs.train.history import History, HistoryRow
from jobs.train.schedule import Schedule, learning_rate
from jobs.train.trainer import reason_to_stop


def rates(config: RunConfig, steps: int, losses: Sequence[float] = ()) -> list[float]:
    """Return the rate of each step of a run; after an epoch it is told a loss."""
    optimizer = config.optimizer.build([torch.zeros(1, requires_grad=True)])  # type: ignore[list-item]
    schedule: Schedule = config.schedule.build(optimizer, config.optimizer, config.epochs, steps)
    seen = []
    for epoch in range(config.epochs):
        for _ in range(steps):
            schedule.before_step()
            seen.append(learning_rate(optimizer))
            optimizer.step()
        schedule.after_epoch(losses[epoch] if losses else 1.0)
    return seen


def test_warm_up_climbs_linearly_to_lr() -> None:
    seen = rates(RunConfig.parse({"lr": 0.8, "warmup_epochs": 2, "epochs": 3}), steps=4)
    assert seen[:9] == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.8])


def test_the_rate_falls_after_the_patience_is_over() -> None:
    config = RunConfig.parse({"lr": 1.0, "plateau_patience": 2, "epochs": 7})
    assert rates(config, 1, (5, 4, 4, 4, 4, 4, 4)) == pytest.approx([1, 1, 1, 1, 1, 0.1, 0.1])


def test_a_cosine_falls_from_lr_to_0_after_the_warm_up() -> None:
    seen = rates(
        RunConfig.parse({"lr": 1.0, "schedule": "cosine", "warmup_epochs": 1, "epochs": 3}), steps=5
    )
    assert seen[4] == 1
    assert seen[9] == pytest.approx(0.5)
    assert seen[-1] == pytest.approx(0, abs=1e-12)
    expected = [(1 + math.cos(math.pi * k / 10)) / 2 for k in range(1, 11)]
    assert seen[5:] == pytest.approx(expected)


def test_one_cycle_climbs_for_three_tenths_of_the_run_and_ends_near_0() -> None:
    seen = rates(RunConfig.parse({"lr": 1.0, "schedule": "onecycle", "epochs": 10}), steps=10)
    assert seen[0] == pytest.approx(1 / 25)
    assert seen.index(max(seen)) == 29
    assert max(seen) == pytest.approx(1)
    assert seen[-1] == pytest.approx(1 / 25 / 1e4)


@pytest.mark.parametrize(("kind", "highest"), [("sgd", 0.8), ("adamw", 0.9)])
def test_one_cycle_moves_momentum_the_other_way(kind: str, highest: float) -> None:
    config = RunConfig.parse({"optimizer": kind, "schedule": "onecycle", "momentum": 0.8})
    optimizer = config.optimizer.build([torch.zeros(1, requires_grad=True)])  # type: ignore[list-item]
    schedule = config.schedule.build(optimizer, config.optimizer, 10, 10)
    momenta = []
    for _ in range(100):
        schedule.before_step()
        optimizer.step()
        group = optimizer.param_groups[0]
        momenta.append(group["momentum"] if kind == "sgd" else group["betas"][0])
    assert momenta[0] == pytest.approx(highest)
    assert min(momenta) == pytest.approx(highest - 0.1)
    assert momenta[-1] == pytest.approx(highest)


@pytest.mark.parametrize("schedule", ["plateau", "cosine", "onecycle"])
def test_a_run_of_one_step_is_not_too_short(schedule: str) -> None:
    assert len(rates(RunConfig.parse({"schedule": schedule, "epochs": 1}), steps=1)) == 1


def history(train: list[float], val: list[float]) -> History:
    losses = enumerate(zip(train, val, strict=True), start=1)
    return History([HistoryRow(n, 0.1, t, 0.5, v, 0.5, 1.0) for n, (t, v) in losses])


def reason(of: History, **settings: object) -> tuple[str, str] | None:
    return reason_to_stop(of, RunConfig.parse(settings))


def test_a_run_stops_for_each_of_its_reasons() -> None:
    falling = history([3, 2, 1], [3, 2, 1])
    assert reason(falling, epochs=4) is None
    assert reason(falling, epochs=3) == ("whole", "all 3 epochs done")
    assert "min_loss" in str(reason(falling, min_loss=1.5))
    assert reason(falling, min_loss=0.5) is None
    waiting = history([3, 2, 1], [1, 2, 3])
    assert "since epoch 1" in str(reason(waiting, early_stopping=2))
    assert reason(waiting, early_stopping=3) is None
