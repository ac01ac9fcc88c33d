"""Test clips are predicted once by each checkpoint, by whatever process comes first."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from jobs.data.dataset import Dataset
from jobs.data.drawn_split import draw_split
from jobs.data.manifest import Manifest
from jobs.data.split import SplitConfig
from jobs.errors import DamagedFileError
from jobs.extract.extraction import Extraction
from jobs.extract.store.feature_set import FeatureSet
from jobs.extract.store.feature_store import FeatureStore
from jobs.models import fitted_net
from jobs.predict.predict import has_predictions, predict_missing, unpredicted
from jobs.predict.predictions import Predictions
from jobs.predict.target import Target, of_test, targets
from jobs.train.config import RunConfig
from jobs.train.run import Run
from jobs.train.training import train_run

CONFIG = RunConfig.parse(
    {
        "seconds": 0.5, "n_fft": 512, "n_mels": 16, "depth": 8, "epochs": 2, "batch_size": 8,
        "lr": 0.05, "threads": 1,
    }
)  # fmt: skip


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> FeatureStore:
    return FeatureStore(tmp_path_factory.mktemp("features"))


@pytest.fixture
def open_features(store: FeatureStore) -> Callable[[Manifest], FeatureSet]:
    def open_(manifest: Manifest) -> FeatureSet:
        Extraction(store, manifest, [CONFIG.features], shards=2).index(cpus=1)
        return store.open(manifest, CONFIG.features)

    return open_


@pytest.fixture
def run(dataset: Dataset, open_features: Callable[[Manifest], FeatureSet], tmp_path: Path) -> Run:
    """A run of two checkpoints that has predicted nothing."""
    trained = Run(tmp_path / "run")
    fold = draw_split(dataset, SplitConfig()).folds[0]
    train_run(trained, CONFIG, dataset, fold, open_features(dataset.labelled))
    return trained


def without_last(dataset: Dataset, count: int) -> Dataset:
    clips = dataset.test.clips[: len(dataset.test) - count]
    return dataclasses.replace(dataset, test=Manifest(dataset.root, clips))


def the_test(dataset: Dataset) -> Target:
    (target,) = of_test(dataset)
    return target


@pytest.fixture
def predicted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many clips were predicted, a number for each call of a model."""
    counts: list[int] = []
    original = fitted_net.FittedNet.predict_proba

    def counting(self: fitted_net.FittedNet, features: np.ndarray) -> np.ndarray:
        counts.append(len(features))
        return original(self, features)

    monkeypatch.setattr(fitted_net.FittedNet, "predict_proba", counting)
    return counts


def test_each_checkpoint_predicts_once_and_a_new_clip_alone(
    run: Run,
    dataset: Dataset,
    open_features: Callable[[Manifest], FeatureSet],
    predicted: list[int],
) -> None:
    fewer = without_last(dataset, 1)
    assert predict_missing(run, the_test(fewer), fewer, open_features(fewer.test), "cpu") == 2
    assert sum(predicted) == 2 * 11
    assert predict_missing(run, the_test(fewer), fewer, open_features(fewer.test), "cpu") == 0
    before = Predictions.load(run.test_predictions(1)).probabilities
    predicted.clear()
    assert len(unpredicted(run, the_test(dataset))) == 2
    assert predict_missing(run, the_test(dataset), dataset, open_features(dataset.test), "cpu") == 2
    assert predicted == [1, 1]
    after = Predictions.load(run.test_predictions(1)).probabilities
    np.testing.assert_array_equal(after[:-1], before)
    assert np.isfinite(after).all()


def test_other_weights_take_nothing_over(
    run: Run,
    dataset: Dataset,
    open_features: Callable[[Manifest], FeatureSet],
    predicted: list[int],
) -> None:
    features = open_features(dataset.test)
    predict_missing(run, the_test(dataset), dataset, features, "cpu")
    first, second = run.checkpoints_kept()
    # As after another training: the same epochs, with other weights.
    for one, other in ((first, second), (second, first)):
        text = one.meta.read_text().replace(one.weights_sha256, f"{other.weights_sha256[:-1]}x")
        one.meta.write_text(text)
    predicted.clear()
    assert not has_predictions(run, run.checkpoints_kept()[0], the_test(dataset))
    predict_missing(run, the_test(dataset), dataset, features, "cpu")
    assert sum(predicted) == 2 * 12


def test_damaged_predictions_are_made_again(
    run: Run, dataset: Dataset, open_features: Callable[[Manifest], FeatureSet]
) -> None:
    features = open_features(dataset.test)
    predict_missing(run, the_test(dataset), dataset, features, "cpu")
    path = run.test_predictions(2)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert [checkpoint.epoch for checkpoint in unpredicted(run, the_test(dataset))] == [2]
    predict_missing(run, the_test(dataset), dataset, features, "cpu")
    assert path.read_bytes() == whole


def test_predictions_of_a_checkpoint_that_is_no_longer_kept_go(
    run: Run, dataset: Dataset, open_features: Callable[[Manifest], FeatureSet]
) -> None:
    old = run.test_predictions(9)
    old.parent.mkdir()
    old.touch()
    predict_missing(run, the_test(dataset), dataset, open_features(dataset.test), "cpu")
    assert not old.exists()
    assert run.test_submission(1).read_text().startswith("id,category\n0,")


def test_damaged_weights_make_the_run_count_as_untrained(
    run: Run, dataset: Dataset, open_features: Callable[[Manifest], FeatureSet]
) -> None:
    weights = run.checkpoints_kept()[0].weights
    content = bytearray(weights.read_bytes())
    content[len(content) // 2] ^= 1
    weights.write_bytes(content)
    with pytest.raises(DamagedFileError, match="the run is trained anew"):
        predict_missing(run, the_test(dataset), dataset, open_features(dataset.test), "cpu")
    assert not run.is_trained()


def test_clips_held_out_are_predicted_like_the_test(
    dataset: Dataset, open_features: Callable[[Manifest], FeatureSet], tmp_path: Path
) -> None:
    split = draw_split(dataset, SplitConfig(holdout=0.2))
    run, features = Run(tmp_path / "run"), open_features(dataset.labelled)
    train_run(run, CONFIG, dataset, split.folds[0], features)
    test, holdout = targets(dataset, split)
    assert holdout.positions == split.holdout
    assert predict_missing(run, holdout, dataset, features, "cpu") == 2
    made = Predictions.load(run.predictions_of("holdout", 2))
    assert made.ids == tuple(dataset.labelled.clips[p].id for p in split.holdout)
    assert np.isfinite(made.probabilities).all()
    assert len(unpredicted(run, test)) == 2
    predict_missing(run, test, dataset, open_features(dataset.test), "cpu")
    assert not unpredicted(run, holdout)
    # The same recordings as a test give the same numbers.
    as_test = dataclasses.replace(dataset, test=holdout.clips)
    predict_missing(run, the_test(as_test), as_test, open_features(holdout.clips), "cpu")
    again = Predictions.load(run.test_predictions(2)).probabilities
    np.testing.assert_array_equal(again, made.probabilities)
