"""What a run leaves behind is complete."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from jobs.data.dataset import Dataset
from jobs.data.split import Fold
from jobs.errors import DamagedFileError, InputError
from jobs.extract.store.feature_set import FeatureSet
from jobs.models.fitted_net import FittedNet
from jobs.train import trainer
from jobs.train.augment.augmentation import Batch
from jobs.train.checkpoint import Checkpoint
from jobs.train.compute.device import Hardware
from jobs.train.config import RunConfig
from jobs.train.fitted import load_fitted, load_validation
from jobs.train.history import HEADER, History
from jobs.train.run import Run
from jobs.train.trainer import Trainer

Train = Callable[..., Run]


def module_of(run: Run, checkpoint: Checkpoint) -> nn.Module:
    fitted = load_fitted(run, checkpoint)
    assert isinstance(fitted, FittedNet)
    return fitted.module


def test_history_has_a_row_an_epoch_and_checkpoints_are_the_best(
    train: Train, config: RunConfig, tmp_path: Path
) -> None:
    run = train(tmp_path / "run")
    assert run.history.read_text().splitlines()[0] == ",".join(HEADER)
    rows = History.load(run.history).rows
    assert [row.epoch for row in rows] == [1, 2, 3, 4, 5, 6]
    ranked = sorted(rows, key=lambda row: (-row.val_accuracy, row.val_loss, row.epoch))
    kept = [checkpoint.epoch for checkpoint in run.checkpoints_kept()]
    assert kept == sorted(row.epoch for row in ranked[: config.keep])
    assert not run.states()


def test_validation_predictions_of_every_epoch_give_the_histories_accuracy(
    train: Train, dataset: Dataset, fold: Fold, tmp_path: Path
) -> None:
    run = train(tmp_path / "run")
    saved = load_validation(run)
    assert saved.ids == tuple(dataset.labelled.clips[p].id for p in fold.validation)
    assert saved.labels.tolist() == dataset.labels(fold.validation)
    assert saved.classes == dataset.classes
    rows = History.load(run.history).rows
    assert saved.epochs() == len(rows)
    for row in rows:
        accuracy = (saved.of_epoch(row.epoch).argmax(axis=1) == saved.labels).mean()
        assert accuracy == row.val_accuracy


def test_a_checkpoint_says_of_its_validation_clips_what_it_said_in_training_bit_for_bit(
    train: Train, features: FeatureSet, fold: Fold, tmp_path: Path
) -> None:
    run = train(tmp_path / "run")
    saved = load_validation(run)
    for checkpoint in run.checkpoints_kept():
        fitted = load_fitted(run, checkpoint)
        assert fitted.classes == saved.classes
        said = fitted.predict_proba(features.load(fold.validation))
        np.testing.assert_array_equal(said, saved.of_epoch(checkpoint.epoch))


class Poison:
    """Makes a batch not a number in one epoch."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, epoch: int) -> None:
        self.batches, self.epoch = Trainer._batches, epoch
        monkeypatch.setattr(Trainer, "_batches", lambda *arguments: self.poisoned(*arguments))

    def poisoned(self, one: Trainer, epoch: int) -> Iterator[Batch]:
        for batch in self.batches(one, epoch):
            x = batch.features * (float("nan") if epoch == self.epoch else 1)
            yield Batch(x, batch.targets, batch.labels)


@pytest.mark.parametrize("settings", [{}, {"ema": 0.9}, {"optimizer": "adamw", "clip_grad": 1.0}])
def test_a_run_whose_loss_is_not_finite_stops_and_keeps_its_good_checkpoints(
    train: Train, config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    settings: dict[str, object],
) -> None:  # fmt: skip
    Poison(monkeypatch, epoch=3)
    run = train(tmp_path / "run", config.but(**settings))
    outcome = run.outcome()
    assert outcome is not None
    assert "diverged in epoch 3" in outcome.reason
    assert outcome.end == "diverged"
    assert [checkpoint.epoch for checkpoint in run.checkpoints_kept()] == [1, 2]
    for checkpoint in run.checkpoints_kept():
        assert all(torch.isfinite(p).all() for p in module_of(run, checkpoint).parameters())


def test_a_learning_rate_that_is_too_high_ends_the_run_and_not_the_grid(
    train: Train, config: RunConfig, tmp_path: Path
) -> None:
    run = train(tmp_path / "run", config.but(lr=1e30, warmup_epochs=0))
    outcome = run.outcome()
    assert outcome is not None
    assert "diverged in epoch 1" in outcome.reason
    assert (outcome.kept, outcome.best_epoch) == ((), None)
    assert run.is_trained()
    assert run.checkpoints_kept() == []


def test_missing_weights_and_damaged_metadata_are_named(train: Train, tmp_path: Path) -> None:
    run = train(tmp_path / "run")
    first = run.checkpoints_kept()[0]
    first.weights.unlink()
    with pytest.raises(DamagedFileError, match=r"epoch-0000\d\.pt is missing.*Launch again"):
        load_fitted(run, first)
    assert run.outcome() is None
    first.meta.write_text("{}")
    with pytest.raises(DamagedFileError, match=r"epoch-0000\d\.json is damaged"):
        Checkpoint.load(first.meta)


@pytest.mark.parametrize(
    "settings", [{"model": "cnn"}, {"model": "densenet", "densenet_depth": 10}]
)
@pytest.mark.parametrize("features", ["v2", "v3"])
def test_other_feature_sets_train(
    train: Train,
    extract: Callable[..., FeatureSet],
    dataset: Dataset,
    tmp_path: Path,
    features: str,
    settings: dict[str, object],
) -> None:
    config = RunConfig.parse(
        {"features": features, "seconds": 0.5, "epochs": 1, "threads": 1, **settings}
    )
    opened = extract(tmp_path / "own", dataset.labelled, config.features)
    run = train(tmp_path / "run", config, opened)
    assert [checkpoint.epoch for checkpoint in run.checkpoints_kept()] == [1]
    assert run.is_trained()


def test_a_balance_of_an_unknown_label_stops_the_run_before_it_begins(
    train: Train, config: RunConfig, tmp_path: Path
) -> None:
    unknown = config.but(balance={"no such": 40})
    with pytest.raises(InputError, match="names the label 'no such'"):
        train(tmp_path / "run", unknown)
    assert not (tmp_path / "run").exists()


def test_an_epoch_visits_as_many_clips_as_the_balance_says(
    train: Train,
    config: RunConfig,
    dataset: Dataset,
    fold: Fold,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    labels: list[int] = []
    step = trainer.train_epoch

    def noting(learner: object, batches: Iterator[Batch]) -> tuple[float, float]:
        kept = list(batches)
        labels.extend(label for batch in kept for label in batch.labels.tolist())
        return step(learner, kept)  # type: ignore[arg-type]

    monkeypatch.setattr(trainer, "train_epoch", noting)
    train(tmp_path / "run", config.but(balance={"1": 30, "2": 3}, epochs=1))
    expected = np.bincount(dataset.labels(fold.training))
    assert expected[2] > 3  # above its target: left alone
    expected[1] = 30
    assert np.bincount(labels).tolist() == expected.tolist()


def test_hardware_json_tells_what_was_chosen(train: Train, tmp_path: Path) -> None:
    hardware = Hardware.load(train(tmp_path / "run").hardware)
    choices = hardware.choices
    assert choices is not None
    assert choices["channels_last"] is True
    assert (choices["autocast"], choices["deterministic"]) == (None, True)  # exact on a CPU
    assert choices["keeps_freed_memory"] is True
    assert hardware.threads == 1
    assert hardware.versions["torch"] == torch.__version__


def test_precision_and_storage_are_as_asked(
    train: Train, config: RunConfig, tmp_path: Path
) -> None:
    exact = train(tmp_path / "exact")
    half = train(tmp_path / "half", config.but(storage="float16"))
    rough = train(tmp_path / "rough", config.but(precision="bfloat16"))
    choices = Hardware.load(rough.hardware).choices
    assert choices is not None
    assert choices["autocast"] == "bfloat16"
    losses = []
    for run in (exact, half, rough):
        losses.append(History.load(run.history).rows[0].train_loss)
        weights = module_of(run, run.checkpoints_kept()[0]).state_dict()
        assert all(w.dtype in (torch.float32, torch.int64) for w in weights.values())
    assert losses[0] != losses[1]
    assert losses[0] != losses[2]
    assert losses[1] == pytest.approx(losses[0], rel=0.01)
    assert losses[2] == pytest.approx(losses[0], rel=0.05)
