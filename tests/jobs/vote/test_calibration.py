"""A temperature that was planted is found, and no label changes by it."""

import numpy as np
import pytest

from jobs.vote.calibration import BOUNDS, calibrated, fit_temperature, log_loss, mean_log
from jobs.vote.estimate.scores import Calibration


@pytest.mark.parametrize("planted", [0.5, 1.0, 3.0])
def test_a_planted_temperature_is_found(planted: float) -> None:
    rng = np.random.default_rng(0)
    logs = 2 * rng.standard_normal((20_000, 4))
    true = calibrated(logs, 1.0)
    labels = (true.cumsum(axis=1) > rng.random((20_000, 1))).argmax(axis=1)
    ones = np.ones(20_000)
    found = fit_temperature(logs * planted, labels, ones)
    assert found == pytest.approx(planted, rel=0.03)
    after = log_loss(calibrated(logs * planted, found), labels, ones)
    assert after <= log_loss(calibrated(logs * planted, 1.0), labels, ones) + 1e-9


def test_only_clips_that_count_count() -> None:
    logs = np.log(np.array([[0.9, 0.1], [0.9, 0.1], [np.nan, np.nan]]))
    labels = np.array([1, 0, 0])
    # Of those that count, all are right: the surer, the better.
    assert fit_temperature(logs, labels, np.array([0.0, 1.0, 1.0])) < 0.1
    assert fit_temperature(logs[2:], labels[2:], np.ones(1)) == 1.0


def test_the_mean_is_over_those_who_read_the_clip() -> None:
    nan = np.nan
    said = np.array([[[0.5, 0.5], [nan, nan]], [[0.25, 0.75], [nan, nan]]], np.float32)
    logs = mean_log(said)
    assert logs[0].tolist() == pytest.approx(
        [np.log(0.5 * 0.25) / 2, np.log(0.5 * 0.75) / 2], rel=1e-6
    )
    assert np.isnan(logs[1]).all()
    assert np.isfinite(mean_log(np.array([[[1.0, 0.0]]], np.float32))).all()


def test_no_temperature_changes_a_label() -> None:
    logs = np.log(np.random.default_rng(0).dirichlet(np.ones(5), 100))
    for temperature in BOUNDS:
        assert (calibrated(logs, temperature).argmax(axis=1) == logs.argmax(axis=1)).all()


def test_a_temperature_that_did_not_help_says_what_to_use_instead() -> None:
    def said(before: float, after: float) -> str:
        return Calibration(
            temperature=2.0, ece_before=0.031, ece_after=0.084,
            log_loss_before=before, log_loss_after=after,
        ).sentence  # fmt: skip

    assert said(0.6, 0.5) == (
        "`confidence` is off by 8.4 points on average (expected calibration error; 3.1 before its "
        "temperature was fitted)"
    )
    assert said(0.6, 0.601) == said(0.6, 0.5)
    assert said(0.5, 0.6).startswith(said(0.6, 0.5))
    assert said(0.5, 0.6).endswith("so rather use the `p_` columns")
