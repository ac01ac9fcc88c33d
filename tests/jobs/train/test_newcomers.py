"""A new augmentation and a new model: one file and one line of a table, here made in a test."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from pydantic import Field

from jobs.extract.store.feature_set import FeatureSet
from jobs.models import MODELS
from jobs.models.model import Fitted, FittedArrays, Floats, Labels, OneShotModel
from jobs.train import parts
from jobs.train.augment import AUGMENTATIONS
from jobs.train.augment.augmentation import Augmentation, Batch, Drawn, Rows
from jobs.train.config import RunConfig
from jobs.train.fitted import load_fitted, load_validation
from jobs.train.history import History
from jobs.train.run import Run

Train = Callable[..., Run]


class Gain(Augmentation):
    """Makes clips louder: it needs decibels."""

    name: ClassVar[str] = "test_gain"
    title: ClassVar[str] = "test_gain"
    scale = "raw"
    neutral: ClassVar[dict[str, float]] = {"decibels": 0}

    test_gain_p: float = Field(0, ge=0, le=1)
    test_gain_max: float = Field(6, ge=0)

    def draw(self, rng: np.random.Generator, visits: int, shape: tuple[int, int]) -> Drawn:
        hit, how_much = rng.random((visits, 2)).T
        return {"decibels": np.where(self.hits(hit), self.test_gain_max * how_much, 0)}

    def apply(self, batch: Batch, rows: Rows) -> Batch:
        x = (batch.features + rows["decibels"][:, None, None, None]).clamp(max=0)
        return Batch(x, batch.targets, batch.labels)


class NearestMean(OneShotModel):
    """The class whose mean is nearest."""

    name: ClassVar[str] = "nearest_mean"

    sharpness: float = Field(1.0, gt=0)

    def parameters(self, inputs: int) -> int:
        return 10 * inputs

    def fit(self, features: Floats, labels: Labels, classes: Sequence[str], seed: int) -> Fitted:
        from sklearn.neighbors import NearestCentroid

        columns = features.reshape(len(features), -1)
        means = NearestCentroid().fit(columns, labels).centroids_
        arrays = {"means": means.astype(np.float64), "sharpness": np.array(self.sharpness)}
        return FittedMeans(arrays, classes, features.shape[1:])

    def load(
        self, path: Path, classes: Sequence[str], shape: Sequence[int], device: str = "cpu"
    ) -> Fitted:
        return FittedMeans.load(path, classes, shape)


class FittedMeans(FittedArrays):
    names: ClassVar[tuple[str, ...]] = ("means", "sharpness")

    def probabilities(self, batch: Floats) -> Floats:
        columns = batch.reshape(len(batch), 1, -1)
        away = np.square(columns - self.arrays["means"]).mean(axis=2) * self.arrays["sharpness"]
        odds = np.exp(away.min(axis=1, keepdims=True) - away)
        return (odds / odds.sum(axis=1, keepdims=True)).astype(np.float32)


def test_a_new_augmentation_touches_nothing_but_the_table(
    train: Train, config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = train(tmp_path / "plain", config)
    monkeypatch.setattr(parts, "AUGMENTATIONS", (*AUGMENTATIONS, Gain))
    off = train(tmp_path / "off", RunConfig.parse(config.settings()))
    on = train(tmp_path / "on", config.but(test_gain_p=0.5, test_gain_max=40, epochs=2))
    assert on.is_trained()
    assert RunConfig.load(on.config).differences()["test_gain_max"] == 40
    for one, other in zip(plain.checkpoints_kept(), off.checkpoints_kept(), strict=True):
        assert one.weights.read_bytes() == other.weights.read_bytes()
    losses = [History.load(run.history).rows[0].train_loss for run in (plain, on)]
    assert losses[0] != losses[1]


@pytest.mark.parametrize("model", ["logistic", "nearest_mean"])
def test_a_model_that_is_fitted_at_once_leaves_what_a_net_leaves(
    train: Train, features: FeatureSet, config: RunConfig, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, model: str,
) -> None:  # fmt: skip
    monkeypatch.setitem(MODELS, "nearest_mean", NearestMean)
    wanted = config.but(model=model)
    run = train(tmp_path / "run", wanted)
    assert RunConfig.load(run.config) == wanted
    assert not wanted.model.needs_gpu
    outcome = run.outcome()
    assert outcome is not None
    assert (outcome.is_whole, outcome.epochs, outcome.kept) == (True, 1, (1,))
    assert run.is_trained()
    assert run.is_trained_to(1)
    (row,) = History.load(run.history).rows
    assert (row.epoch, row.lr, row.val_loss) == (1, None, outcome.val_loss)
    saved = load_validation(run)
    assert saved.epochs() == 1
    (checkpoint,) = run.checkpoints_kept()
    fitted = load_fitted(run, checkpoint)
    positions = {clip: p for p, clip in enumerate(map(str, range(len(features))))}
    said = fitted.predict_proba(features.load([positions[each] for each in saved.ids]))
    np.testing.assert_array_equal(said, saved.of_epoch(1))
    np.testing.assert_allclose(said.sum(axis=1), 1, rtol=1e-5)
    again = train(tmp_path / "again", wanted)
    assert again.checkpoints_kept()[0].weights.read_bytes() == checkpoint.weights.read_bytes()
    assert again.validation.read_bytes() == run.validation.read_bytes()


@pytest.mark.parametrize("model", ["logistic", "nearest_mean"])
def test_a_model_that_is_fitted_at_once_may_be_killed_at_any_moment(
    train: Train, results: Callable[[Run], dict[str, bytes]],
    killing: Callable[[Callable[[], Run], int], Run | None],
    config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: str,
) -> None:  # fmt: skip
    monkeypatch.setitem(MODELS, "nearest_mean", NearestMean)
    wanted = config.but(model=model)
    undisturbed = results(train(tmp_path / "one", wanted))
    kills = 0
    while (run := killing(lambda: train(tmp_path / "two", wanted), kills)) is None:
        kills += 1
    assert kills >= 6
    assert results(run) == undisturbed
