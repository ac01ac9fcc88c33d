"""Which clips an epoch visits: the report's counts, and a pure function of seed and epoch."""

import numpy as np
import pytest

from jobs.train.clips.order import Balance, batch_sizes, epoch_order

CLASSES = ("0", "1", "2", "3")
# The report's training clips of each class.
COUNTS = np.array([841, 2424, 2758, 3485])
LABELS = np.random.default_rng(0).permutation(np.repeat(np.arange(4), COUNTS))


@pytest.mark.parametrize(
    ("balance", "expected"),
    [
        ("none", [841, 2424, 2758, 3485]),
        ({1: 3000, 2: 3000}, [841, 3000, 3000, 3485]),  # the report's resnet_v1
        ({1: 0.8608, 2: 0.8608}, [841, 3000, 3000, 3485]),  # as shares: 2999.888 clips
        ({0: 0.5, 1: 1.0, 3: 0.1}, [1743, 3485, 2758, 3485]),  # 1742.5 is rounded up
        ("equal", [3485, 3485, 3485, 3485]),  # its resnet_v4
        ({3: 10}, [841, 2424, 2758, 3485]),  # above its target: left alone
        ({0: 5000}, [5000, 2424, 2758, 3485]),  # repeated more than once
    ],
)
def test_an_epoch_has_the_reports_class_counts(balance: object, expected: list[int]) -> None:
    part = Balance.read({"balance": balance}, "test")
    assert (part is None) == (balance == "none")
    for epoch in (1, 2):
        order = epoch_order(LABELS, CLASSES, part, seed=0, epoch=epoch)
        assert np.bincount(LABELS[order]).tolist() == expected
        assert set(order) == set(range(len(LABELS)))  # no clip is left out


def test_clips_of_a_class_are_repeated_as_equally_as_can_be() -> None:
    part = Balance(balance={"0": 2000})
    times = np.bincount(epoch_order(LABELS, CLASSES, part, seed=0, epoch=1))[LABELS == 0]
    assert set(times) == {2, 3}  # 2000 = 2 * 841 + 318
    assert (times == 3).sum() == 318


def test_repeated_clips_are_drawn_anew_each_epoch_or_fixed() -> None:
    def repeated(draw: str, epoch: int) -> list[int]:
        part = Balance.checked({"balance": "equal", "balance_draw": draw}, "test")
        return sorted(epoch_order(LABELS, CLASSES, part, seed=3, epoch=epoch).tolist())

    assert repeated("epoch", 1) != repeated("epoch", 2)
    assert repeated("epoch", 2) == repeated("epoch", 2)
    assert repeated("fixed", 1) == repeated("fixed", 2)


def test_an_epoch_has_an_order_of_its_own_that_seed_and_epoch_decide() -> None:
    orders = [
        epoch_order(LABELS, CLASSES, None, seed, epoch).tolist()
        for seed in (0, 1)
        for epoch in (1, 2)
    ]
    assert all(sorted(order) == list(range(len(LABELS))) for order in orders)
    assert len({tuple(order) for order in orders}) == 4
    assert epoch_order(LABELS, CLASSES, None, 1, 2).tolist() == orders[3]


@pytest.mark.parametrize(
    ("visits", "size", "expected"),
    [(10, 4, [4, 4, 2]), (8, 4, [4, 4]), (9, 4, [4, 5]), (3, 4, [3]), (1, 4, [1]), (2, 1, [1, 1])],
)
def test_a_single_clip_left_over_joins_the_batch_before_it(
    visits: int, size: int, expected: list[int]
) -> None:
    assert batch_sizes(visits, size) == expected
