"""Multinomial logistic regression on standardised features: a baseline of seconds, without GPU.

scikit-learn's LogisticRegression (lbfgs). Best on v3, whose 194 means are few enough for a linear
model; on v1 and v2 it sees every band of every frame as a number of its own.
"""

import logging
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
import numpy.typing as npt
from pydantic import Field

from jobs.errors import DamagedFileError
from jobs.models.model import Fitted, FittedArrays, Floats, Labels, OneShotModel, Tensors

log = logging.getLogger(__name__)

# lbfgs's own 100 are too few for thousands of correlated columns.
ITERATIONS = 1000


class Logistic(OneShotModel):
    """L2-regularised; convex, so that no chance and no epoch is in it."""

    name: ClassVar[str] = "logistic"
    has_chance: ClassVar[bool] = False

    logistic_c: float = Field(
        1.0, gt=0, description="inverse strength of the L2 penalty: smaller is smoother"
    )

    def parameters(self, inputs: int) -> int:
        # Mean, scale and about ten classes' coefficients of each column; in float64, so twice.
        return 2 * (2 + 10) * inputs

    def fit(self, features: Floats, labels: Labels, classes: Sequence[str], seed: int) -> Fitted:
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.linear_model import LogisticRegression

        # In float64: in float32 lbfgs stops early, where the loss no longer changes visibly.
        columns = features.reshape(len(features), -1).astype(np.float64)
        mean, scale = columns.mean(axis=0), columns.std(axis=0)
        scale[scale == 0] = 1  # a column that never changes tells nothing, and stays 0
        columns -= mean
        columns /= scale
        regression = LogisticRegression(C=self.logistic_c, max_iter=ITERATIONS)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            regression.fit(columns, labels)
        if regression.n_iter_.max() >= ITERATIONS:
            log.warning("logistic regression did not converge in %d iterations", ITERATIONS)
        arrays = {
            "mean": mean,
            "scale": scale,
            "coefficients": _row_a_class(regression.coef_),
            "intercepts": _row_a_class(regression.intercept_[:, None])[:, 0],
        }
        return FittedLogistic(arrays, classes, features.shape[1:])

    def load(
        self, path: Path, classes: Sequence[str], shape: Sequence[int], device: str = "cpu"
    ) -> Fitted:
        return FittedLogistic.load(path, classes, shape)

    def of_tensors(
        self, tensors: Tensors, classes: Sequence[str], shape: Sequence[int], device: str = "cpu"
    ) -> Fitted:
        fitted = FittedLogistic.of_tensors(tensors, classes, shape)
        columns, found = int(np.prod(shape)), fitted.arrays
        shapes = [found[name].shape for name in FittedLogistic.names]
        if shapes != [(columns,), (columns,), (len(classes), columns), (len(classes),)]:
            raise DamagedFileError(f"arrays of {shapes} are not of {columns} columns")
        return fitted


def _row_a_class(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return a row for each class; of two classes scikit-learn keeps the second's alone."""
    if len(values) > 1:
        return values
    # sigmoid(z) is the softmax of (-z / 2, z / 2).
    return np.concatenate([-values / 2, values / 2])


class FittedLogistic(FittedArrays):
    """Mean and scale [columns], coefficients [classes, columns], intercepts [classes]."""

    names: ClassVar[tuple[str, ...]] = ("mean", "scale", "coefficients", "intercepts")

    def probabilities(self, batch: Floats) -> Floats:
        columns = batch.reshape(len(batch), -1).astype(np.float64)
        columns = (columns - self.arrays["mean"]) / self.arrays["scale"]
        scores = columns @ self.arrays["coefficients"].T + self.arrays["intercepts"]
        odds = np.exp(scores - scores.max(axis=1, keepdims=True))
        return (odds / odds.sum(axis=1, keepdims=True)).astype(np.float32)
