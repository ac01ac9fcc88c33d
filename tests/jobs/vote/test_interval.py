"""Intervals and correlations with known answers."""

import numpy as np
import pytest

from jobs.vote.estimate.interval import Sample, intraclass_correlation, prediction_interval

SINGLE = Sample(np.ones(300, np.int64))


def test_without_groups_the_width_is_that_of_two_means() -> None:
    low, high = prediction_interval(0.8, Sample(np.ones(2400, int)), Sample(np.ones(2400, int)), 0)
    expected = 2 * 1.96 * np.sqrt(0.8 * 0.2 * (2 / 2400))
    assert high - low == pytest.approx(expected, abs=0.002)
    assert (low + high) / 2 == pytest.approx(0.8, abs=0.003)


def test_the_luck_of_a_small_test_counts() -> None:
    widths = [
        np.diff(prediction_interval(0.8, SINGLE, Sample(np.ones(m, np.int64)), 0.0))[0]
        for m in (30, 300, 30_000)
    ]
    assert widths[0] > 1.8 * widths[1]
    assert widths[1] == pytest.approx(np.sqrt(2) * widths[2], rel=0.05)


def test_nothing_is_certain_and_nothing_leaves_0_to_1() -> None:
    low, high = prediction_interval(1.0, SINGLE, SINGLE, 0.0)
    assert 0.97 < low < 1
    assert high == 1
    low, high = prediction_interval(0.0, SINGLE, SINGLE, 0.0)
    assert low == 0
    assert 0 < high < 0.03


def test_groups_widen_it_and_few_groups_more() -> None:
    def width(groups: int, correlation: float) -> float:
        sample = Sample(np.full(groups, 300 // groups))
        return float(np.diff(prediction_interval(0.8, sample, sample, correlation))[0])

    assert width(100, 0.0) == pytest.approx(width(300, 0.0), abs=0.01)
    # Design effect: 1 + (3 - 1) * 0.3 = 1.6.
    assert width(100, 0.3) == pytest.approx(np.sqrt(1.6) * width(300, 0.0), rel=0.05)
    assert width(10, 0.1) > 1.7 * width(100, 0.1)
    assert width(2, 0.3) > 0.9


def test_what_many_groups_tell_of_their_variance_serves_one() -> None:
    one, test = Sample(np.array([80])), Sample(np.full(8, 40))
    alone = prediction_interval(0.8, one, test, 0.1)
    known = prediction_interval(0.8, one, test, 0.1, known_from=30)
    assert alone == (0.0, 1.0)
    # Variance: p (1 - p) ((1 + 79 * 0.1) / 80 + (1 + 39 * 0.1) / 320).
    expected = 2 * 1.96 * np.sqrt(0.16 * (8.9 / 80 + 4.9 / 320))
    assert known[1] - known[0] == pytest.approx(expected, rel=0.1)


@pytest.mark.parametrize("planted", [0.0, 0.1, 0.4])
def test_a_planted_correlation_is_found(planted: float) -> None:
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(800), rng.integers(2, 15, 800))
    # Beta-binomial: each group has an accuracy of its own, of mean 0.7.
    if planted:
        of_group = rng.beta(0.7 * (1 / planted - 1), 0.3 * (1 / planted - 1), 800)
    else:
        of_group = np.full(800, 0.7)
    right = (rng.random(len(groups)) < of_group[groups]).astype(float)
    assert intraclass_correlation(right, groups) == pytest.approx(planted, abs=0.03)


def test_clips_that_are_groups_of_their_own_have_no_correlation() -> None:
    right = np.array([1.0, 0.0, 1.0])
    assert intraclass_correlation(right, np.arange(3)) == 0
    assert intraclass_correlation(right, np.zeros(3, int)) == 0
    assert intraclass_correlation(np.ones(4), np.array([0, 0, 1, 1])) == 0
