"""What a run leaves behind is complete."""

import csv
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from jobs.extract.feature_set import FeatureSet
from jobs.extract.index import build_index
from jobs.train.journal import HISTORY_HEADER
from jobs.train.predictions import load_probabilities
from jobs.train.weights import load_model

from jobs.data.layouts import read_data
from jobs.data.manifest import Manifest
from jobs.data.split import SplitConfig, draw_split
from jobs.errors import DamagedFileError, InputError
from jobs.files import read_json
from jobs.train import trainer
from jobs.train.checkpoint import Checkpoint
from jobs.train.config import RunConfig
from jobs.train.loop import Batch
from jobs.train.run import Run
from jobs.train.trainer import Trainer

Train = Callable[..., Run]


def test_history_has_a_row_an_epoch_and_checkpoints_are_the_best(
    train: Train, config: RunConfig, tmp_path: Path
) -> None:
    run = train(tmp_path / "run")
    with run.history.open() as file:
        history = list(csv.DictReader(file))
    assert list(history[0]) == list(HISTORY_HEADER)
    assert [int(row["epoch"]) for row in history] == [1, 2, 3, 4, 5, 6]
    ranked = sorted(
        history, key=lambda r: (-float(r["val_accuracy"]), float(r["val_loss"]), int(r["epoch"]))
    )
    assert run.epochs_kept() == sorted(int(row["epoch"]) for row in ranked[: config.keep])
    assert not run.states()


def test_validation_predictions_of_every_epoch_give_the_histories_accuracy(
    train: Train, manifest: Manifest, tmp_path: Path
) -> None:
    run = train(tmp_path / "run")
    with np.load(run.validation) as saved:
        accuracies = (saved["probabilities"].argmax(axis=2) == saved["label"]).mean(axis=1)
        labels = manifest.labels(saved["position"].tolist())
        assert saved["label"].tolist() == labels
    with run.history.open() as file:
        written = [float(row["val_accuracy"]) for row in csv.DictReader(file)]
    np.testing.assert_allclose(accuracies, written)


def test_predictions_are_those_of_the_weights_in_submission_form(
    train: Train, manifest: Manifest, tmp_path: Path
) -> None:
    run = train(tmp_path / "run")
    fingerprint = manifest.test_fingerprint
    saved = load_probabilities(run, fingerprint, len(manifest.test))
    for epoch in run.epochs_kept():
        with run.prediction_csv(fingerprint, epoch).open() as file:
            rows = list(csv.DictReader(file))
        assert [row["id"] for row in rows] == [clip.id for clip in manifest.test]
        chosen = [manifest.classes[k] for k in saved[epoch].argmax(axis=1)]
        assert [row["category"] for row in rows] == chosen
        assert sum(p.numel() for p in load_model(run, epoch, "cpu").parameters()) > 0


def test_other_test_clips_are_predicted_without_training_again(
    train: Train,
    config: RunConfig,
    own_clips: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def prepared() -> tuple[Manifest, FeatureSet]:
        manifest = read_data(own_clips)
        build_index(manifest, config.feature_config, 2, tmp_path / "own", cpus=1)
        return manifest, FeatureSet.open(tmp_path / "own", manifest, config.feature_config)

    before, features = prepared()
    run = train(tmp_path / "run", manifest=before, features=features)
    (own_clips / "test_mp3s" / "3.mp3").unlink()
    after, features = prepared()
    assert after.labelled_fingerprint == before.labelled_fingerprint
    monkeypatch.setattr(trainer, "train_epoch", None)  # calling it would fail
    train(run.folder, manifest=after, features=features)
    assert run.is_complete(after.test_fingerprint, has_test=True)
    assert not run.is_complete(before.test_fingerprint, has_test=True)


class Poison:
    """Makes a batch not a number in one epoch."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, epoch: int) -> None:
        self.batches, self.epoch = Trainer._batches, epoch
        monkeypatch.setattr(Trainer, "_batches", lambda *arguments: self.poisoned(*arguments))

    def poisoned(self, one: Trainer, epoch: int) -> Iterator[Batch]:
        for x, targets, labels in self.batches(one, epoch):
            yield (x * float("nan") if epoch == self.epoch else x), targets, labels


@pytest.mark.parametrize("settings", [{}, {"ema": 0.9}, {"optimizer": "adamw", "clip_grad": 1.0}])
def test_a_run_whose_loss_is_not_finite_stops_and_keeps_its_good_checkpoints(
    train: Train, config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    settings: dict[str, object],
) -> None:  # fmt: skip
    Poison(monkeypatch, epoch=3)
    run = train(tmp_path / "run", config.model_copy(update=settings))
    outcome = run.outcome()
    assert outcome is not None
    assert "diverged in epoch 3" in outcome["reason"]
    assert run.epochs_kept() == [1, 2]
    for epoch in run.epochs_kept():
        assert all(torch.isfinite(p).all() for p in load_model(run, epoch, "cpu").parameters())


def test_a_learning_rate_that_is_too_high_ends_the_run_and_not_the_grid(
    train: Train, config: RunConfig, tmp_path: Path
) -> None:
    run = train(tmp_path / "run", config.model_copy(update={"lr": 1e30, "warmup_epochs": 0}))
    outcome = run.outcome()
    assert outcome is not None
    assert "diverged in epoch 1" in outcome["reason"]
    assert outcome["kept"] == []


def test_missing_weights_and_damaged_metadata_are_named(
    train: Train, manifest: Manifest, tmp_path: Path
) -> None:
    run = train(tmp_path / "run")
    epoch = run.epochs_kept()[0]
    run.weights(epoch).unlink()
    with pytest.raises(DamagedFileError, match=r"epoch-0000\d\.pt is damaged"):
        load_model(run, epoch, "cpu")
    run.meta(epoch).write_text("{}")
    with pytest.raises(DamagedFileError, match=r"epoch-0000\d\.json is damaged"):
        Checkpoint.load(run, epoch)


@pytest.mark.parametrize(
    "settings", [{"model": "cnn"}, {"model": "densenet", "densenet_depth": 10}]
)
@pytest.mark.parametrize("features", ["v2", "v3"])
def test_other_feature_sets_train(
    train: Train, made_clips: Path, tmp_path: Path, features: str, settings: dict[str, object]
) -> None:
    config = RunConfig.checked(
        {"features": features, "seconds": 0.5, "epochs": 1, "threads": 1, **settings}, "test"
    )
    manifest = read_data(made_clips)
    build_index(manifest, config.feature_config, 1, tmp_path / "own", cpus=1)
    opened = FeatureSet.open(tmp_path / "own", manifest, config.feature_config)
    run = train(tmp_path / "run", config, manifest, opened)
    assert run.epochs_kept() == [1]
    assert run.is_complete(manifest.test_fingerprint, has_test=True)


def test_a_balance_of_an_unknown_label_stops_the_run_before_it_begins(
    train: Train, config: RunConfig, tmp_path: Path
) -> None:
    unknown = config.model_copy(update={"balance": {"no such": 40}})
    with pytest.raises(InputError, match="names the label 'no such'"):
        train(tmp_path / "run", unknown)
    assert not (tmp_path / "run").exists()


def test_an_epoch_visits_as_many_clips_as_the_balance_says(
    train: Train,
    config: RunConfig,
    manifest: Manifest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    labels: list[int] = []
    step = trainer.train_epoch

    def noting(learner: object, batches: Iterator[Batch]) -> tuple[float, float]:
        kept = list(batches)
        labels.extend(label for *_, found in kept for label in found.tolist())
        return step(learner, kept)  # type: ignore[arg-type]

    monkeypatch.setattr(trainer, "train_epoch", noting)
    train(tmp_path / "run", config.model_copy(update={"balance": {"1": 30, "2": 3}, "epochs": 1}))
    expected = np.bincount(manifest.labels(draw_split(manifest, SplitConfig()).training))
    assert expected[2] > 3  # above its target: left alone
    expected[1] = 30
    assert np.bincount(labels).tolist() == expected.tolist()


def test_hardware_json_tells_what_was_chosen(train: Train, tmp_path: Path) -> None:
    hardware = read_json(train(tmp_path / "run").hardware)
    choices = hardware["choices"]
    assert choices["channels_last"] is True
    assert (choices["autocast"], choices["deterministic"]) == (None, True)  # exact on a CPU
    assert choices["keeps_freed_memory"] is True
    assert hardware["threads"] == 1


def test_precision_and_storage_are_as_asked(
    train: Train, config: RunConfig, tmp_path: Path
) -> None:
    exact = train(tmp_path / "exact")
    half = train(tmp_path / "half", config.model_copy(update={"storage": "float16"}))
    rough = train(tmp_path / "rough", config.model_copy(update={"precision": "bfloat16"}))
    assert read_json(rough.hardware)["choices"]["autocast"] == "bfloat16"
    losses = []
    for run in (exact, half, rough):
        with run.history.open() as file:
            losses.append(float(next(csv.DictReader(file))["train_loss"]))
        weights = load_model(run, run.epochs_kept()[0], "cpu").state_dict()
        assert all(w.dtype in (torch.float32, torch.int64) for w in weights.values())
    assert losses[0] != losses[1]
    assert losses[0] != losses[2]
    assert losses[1] == pytest.approx(losses[0], rel=0.01)
    assert losses[2] == pytest.approx(losses[0], rel=0.05)
