"""How well confidence agrees with being right, on clips that the temperature was not fitted on."""

import numpy as np
import numpy.typing as npt

from jobs.vote.calibration import Reals, calibrated, fit_temperature, log_loss, mean_log
from jobs.vote.estimate.pool import Pool
from jobs.vote.estimate.scores import Calibration
from jobs.vote.rules import CHOOSE, VoteRules

DRAWS = 50
BINS = 15


def repeat_calibration(pool: Pool, rules: VoteRules, seed: int) -> Calibration:
    """Choose and fit on each draw, and measure on the clips left out.

    Args:
        pool: the models.
        rules: which of them vote.
        seed: of the draws.
    """
    rng = np.random.default_rng([seed, 1])
    draws = [pool.draw(rng) for _ in range(DRAWS)]
    draws = [drawn for drawn in draws if (drawn == 0).any()]
    rows = []
    for drawn, ranking in zip(draws, pool.rankings(draws), strict=True):
        picks = CHOOSE[rules.choose](ranking, rules)
        logs = mean_log(ranking.first(max(picks) + 1)[picks])
        there = np.isfinite(logs).all(axis=1)
        left_out = there & (drawn == 0)
        temperature = fit_temperature(logs, pool.labels, drawn)
        measured = []
        for divided_by in (1.0, temperature):
            said = calibrated(logs[left_out], divided_by)
            labels = pool.labels[left_out]
            measured += [expected_error(said, labels), log_loss(said, labels, np.ones(len(labels)))]
        rows.append(measured)
    ece_before, loss_before, ece_after, loss_after = np.mean(rows, axis=0).round(6).tolist()
    (ranking,) = pool.rankings([np.ones(len(pool.labels))])
    picks = CHOOSE[rules.choose](ranking, rules)
    logs = mean_log(ranking.first(max(picks) + 1)[picks])
    return Calibration(
        temperature=round(fit_temperature(logs, pool.labels, np.ones(len(logs))), 6),
        ece_before=ece_before,
        ece_after=ece_after,
        log_loss_before=loss_before,
        log_loss_after=loss_after,
    )


def expected_error(said: Reals, labels: npt.NDArray[np.int64]) -> float:
    """Return the expected calibration error of the most probable class, over 15 bins.

    Naeini, Cooper, Hauskrecht: Obtaining well calibrated probabilities using Bayesian binning
    (AAAI 2015).

    Args:
        said: float64 [clips, classes].
        labels: int64 [clips].
    """
    sure, right = said.max(axis=1), said.argmax(axis=1) == labels
    bins = np.minimum((sure * BINS).astype(int), BINS - 1)
    gaps = np.bincount(bins, weights=right - sure, minlength=BINS)
    return float(np.abs(gaps).sum() / len(labels))
