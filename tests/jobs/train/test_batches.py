"""Normalisation, the order of an epoch, and the learning rate over it."""

import numpy as np
import pytest
import torch
from jobs.train.batches import LabelledClips, epoch_order, normalise, training_batches
from torch.optim import SGD

from jobs.train.config import RunConfig
from jobs.train.schedule import Schedule, stop_reason


def test_each_clip_has_mean_0_and_deviation_1() -> None:
    clips = np.random.default_rng(0).normal(-40, 20, (3, 16, 22)).astype(np.float32)
    clips[1] += 1000
    done = normalise(clips)
    np.testing.assert_allclose(done.mean(axis=(1, 2)), 0, atol=1e-4)
    np.testing.assert_allclose(done.std(axis=(1, 2)), 1, atol=1e-4)


def test_a_constant_clip_becomes_zeros() -> None:
    assert not normalise(np.full((1, 4, 4), -80, dtype=np.float32)).any()


def test_an_epoch_visits_each_clip_once_in_an_order_of_its_own() -> None:
    orders = [epoch_order(100, seed, epoch).tolist() for seed in (0, 1) for epoch in (1, 2)]
    assert all(sorted(order) == list(range(100)) for order in orders)
    assert len({tuple(order) for order in orders}) == 4
    assert epoch_order(100, 1, 2).tolist() == orders[3]


def test_batches_hold_every_clip_with_its_label() -> None:
    clips = LabelledClips(tuple(range(10)), torch.arange(10.0).view(10, 1, 1, 1), torch.arange(10))
    batches = list(training_batches(clips, 4, seed=0, epoch=1))
    assert [len(labels) for _, labels in batches] == [4, 4, 2]
    for features, labels in batches:
        assert features.flatten().tolist() == labels.tolist()


def schedule(config: RunConfig, steps: int) -> Schedule:
    return Schedule(SGD([torch.zeros(1, requires_grad=True)], lr=config.lr), config, steps)


def test_warm_up_climbs_linearly_to_lr() -> None:
    rates = []
    warming = schedule(RunConfig(lr=0.8, warmup_epochs=2, epochs=3), steps=4)
    for _ in range(9):
        warming.before_step()
        rates.append(warming.lr)
    assert rates == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.8])


def test_the_rate_falls_after_the_patience_is_over() -> None:
    falling = schedule(RunConfig(lr=1.0, plateau_patience=2), steps=1)
    rates = []
    for loss in (5, 4, 4, 4, 4, 4):
        falling.before_step()
        falling.after_epoch(loss)
        rates.append(falling.lr)
    assert rates == pytest.approx([1, 1, 1, 1, 0.1, 0.1])


def rows(train: list[float], val: list[float]) -> list[dict[str, float]]:
    return [{"train_loss": t, "val_loss": v} for t, v in zip(train, val, strict=True)]


def test_a_run_stops_for_each_of_its_reasons() -> None:
    falling = rows([3, 2, 1], [3, 2, 1])
    assert stop_reason(falling, RunConfig(epochs=4)) is None
    assert stop_reason(falling, RunConfig(epochs=3)) == "all 3 epochs done"
    assert "min_loss" in str(stop_reason(falling, RunConfig(min_loss=1.5)))
    assert stop_reason(falling, RunConfig(min_loss=0.5)) is None
    waiting = rows([3, 2, 1], [1, 2, 3])
    assert "since epoch 1" in str(stop_reason(waiting, RunConfig(early_stopping=2)))
    assert stop_reason(waiting, RunConfig(early_stopping=3)) is None
