"""How sure an ensemble is, made to agree with how often it is right: one temperature.

Guo, Pleiss, Sun, Weinberger: On Calibration of Modern Neural Networks (ICML 2017), applied to the
mean of the voters' log-probabilities. Dividing by a number changes no order, so no label either.
"""

import numpy as np
import numpy.typing as npt

Reals = npt.NDArray[np.float64]
# A softmax in float32 tells nothing below this.
LEAST = 1e-7
BOUNDS = (0.05, 20.0)


def mean_log(probabilities: npt.NDArray[np.float32]) -> Reals:
    """Return the mean of the voters' log-probabilities, float64 [clips, classes].

    Args:
        probabilities: float32 [voters, clips, classes]; NaN where one could not read a clip. The
            mean is over those who could; NaN where nobody could.
    """
    readable = np.isfinite(probabilities).all(axis=2, keepdims=True)  # [voters, clips, 1]
    logs = np.log(np.maximum(np.where(readable, probabilities, 1.0), LEAST), dtype=np.float64)
    cast = readable.sum(axis=0)  # [clips, 1]
    return np.where(cast > 0, logs.sum(axis=0) / np.maximum(cast, 1), np.nan)


def calibrated(logs: Reals, temperature: float) -> Reals:
    """Return the softmax of `logs` over the temperature, float64 [clips, classes]."""
    scaled = logs / temperature
    scaled = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return np.asarray(scaled / scaled.sum(axis=1, keepdims=True))


def fit_temperature(logs: Reals, labels: npt.NDArray[np.int64], weights: Reals) -> float:
    """Return the temperature of least log loss on some clips, within `BOUNDS`.

    Args:
        logs: float64 [clips, classes], see `mean_log`; rows of NaN do not count.
        labels: int64 [clips].
        weights: float64 [clips].
    """
    from scipy.optimize import minimize_scalar

    counted = np.isfinite(logs).all(axis=1) & (weights > 0)
    if not counted.any():
        return 1.0
    logs, labels, weights = logs[counted], labels[counted], weights[counted]

    def loss(log_temperature: float) -> float:
        return log_loss(calibrated(logs, float(np.exp(log_temperature))), labels, weights)

    found = minimize_scalar(loss, bounds=np.log(BOUNDS), method="bounded", options={"xatol": 1e-6})
    return float(np.exp(found.x))


def log_loss(probabilities: Reals, labels: npt.NDArray[np.int64], weights: Reals) -> float:
    """Return the weighted mean of minus the log of the true class's probability."""
    own = probabilities[np.arange(len(labels)), labels]
    return float(-(np.log(np.maximum(own, np.finfo(float).tiny)) @ weights) / weights.sum())
