"""A run ends the same however often it is killed; what it leaves behind is complete."""

import csv
import dataclasses
import itertools
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from jobs.data.layouts import read_data
from jobs.data.manifest import Manifest
from jobs.data.split import SplitConfig, draw_split
from jobs.errors import DamagedFileError
from jobs.extract.config import FeatureConfig
from jobs.extract.feature_set import FeatureSet
from jobs.extract.index import build_index
from jobs.files import read_json
from jobs.train import device, trainer
from jobs.train.checkpoint import Checkpoint
from jobs.train.config import RunConfig, run_signature
from jobs.train.predictions import load_probabilities
from jobs.train.run import Run
from jobs.train.trainer import train_run
from jobs.train.weights import load_model

FEATURES = {"seconds": 0.5, "n_fft": 512, "n_mels": 16}
CONFIG = RunConfig(
    seconds=0.5, n_fft=512, n_mels=16, depth=8, epochs=6, batch_size=8, lr=0.05, threads=1,
    warmup_epochs=1, plateau_patience=0, keep=2,
)  # fmt: skip


class Killed(BaseException):
    """Stands for SIGKILL: nothing in the code may catch it."""


@pytest.fixture
def features(manifest: Manifest, tmp_path: Path) -> FeatureSet:
    config = FeatureConfig.checked(FEATURES, "test")
    build_index(manifest, config, 2, tmp_path / "features", cpus=1)
    return FeatureSet.open(tmp_path / "features", manifest, config)


def train(folder: Path, manifest: Manifest, features: FeatureSet) -> Run:
    run = Run(folder)
    train_run(run, CONFIG, manifest, draw_split(manifest, SplitConfig()), features)
    return run


def results(run: Run) -> dict[str, bytes]:
    """All files but those that hold times and hosts.

    A temporary names the process that left it, and in these tests that process still lives.
    """
    timed = {"history.csv", "hardware.json", ".lock"}
    files = [path for path in run.folder.rglob("*") if path.is_file() and path.suffix != ".tmp"]
    files = [path for path in files if path.name not in timed]
    return {str(path.relative_to(run.folder)): path.read_bytes() for path in files}


class Reaper:
    """Kills at the n-th file operation: from then on nothing reaches the disk."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, operations: int) -> None:
        self.left = operations
        self.dead = False
        for name in ("replace", "unlink"):
            monkeypatch.setattr(Path, name, self._dying(getattr(Path, name)))

    def _dying(self, operation: Callable[..., object]) -> Callable[..., object]:
        def call(path: Path, *args: object, **options: object) -> object:
            if self.dead:
                return None
            # Temporaries are unlinked in a `finally` that does nothing after a rename.
            if path.suffix == ".tmp" and operation.__name__ == "unlink":
                return operation(path, *args, **options)
            if self.left == 0:
                self.dead = True
                raise Killed
            self.left -= 1
            return operation(path, *args, **options)

        return call


def test_a_run_killed_between_any_two_file_operations_ends_bit_for_bit_the_same(
    manifest: Manifest, features: FeatureSet, tmp_path: Path
) -> None:
    undisturbed = results(train(tmp_path / "one", manifest, features))
    kills = 0
    for operations in itertools.cycle(range(4, 13)):  # at least one epoch's worth among them
        try:
            with pytest.MonkeyPatch.context() as patch:
                Reaper(patch, operations)
                run = train(tmp_path / "two", manifest, features)
            break
        except Killed:
            kills += 1
            assert kills < 100
    assert kills >= 5
    assert results(run) == undisturbed


def test_history_has_a_row_an_epoch_and_checkpoints_are_the_best(
    manifest: Manifest, features: FeatureSet, tmp_path: Path
) -> None:
    run = train(tmp_path / "run", manifest, features)
    with run.history.open() as file:
        history = list(csv.DictReader(file))
    assert list(history[0]) == list(trainer.HISTORY_HEADER)
    assert [int(row["epoch"]) for row in history] == [1, 2, 3, 4, 5, 6]
    ranked = sorted(
        history, key=lambda r: (-float(r["val_accuracy"]), float(r["val_loss"]), int(r["epoch"]))
    )
    assert run.epochs_kept() == sorted(int(row["epoch"]) for row in ranked[: CONFIG.keep])
    assert not run.state.exists()


def test_validation_predictions_of_every_epoch_give_the_histories_accuracy(
    manifest: Manifest, features: FeatureSet, tmp_path: Path
) -> None:
    run = train(tmp_path / "run", manifest, features)
    with np.load(run.validation) as saved:
        accuracies = (saved["probabilities"].argmax(axis=2) == saved["label"]).mean(axis=1)
        labels = manifest.labels(saved["position"].tolist())
        assert saved["label"].tolist() == labels
    with run.history.open() as file:
        written = [float(row["val_accuracy"]) for row in csv.DictReader(file)]
    np.testing.assert_allclose(accuracies, written)


def test_predictions_are_those_of_the_weights_in_submission_form(
    manifest: Manifest, features: FeatureSet, tmp_path: Path
) -> None:
    run = train(tmp_path / "run", manifest, features)
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
    own_clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = FeatureConfig.checked(FEATURES, "test")

    def prepared() -> tuple[Manifest, FeatureSet]:
        manifest = read_data(own_clips)
        build_index(manifest, config, 2, tmp_path / "features", cpus=1)
        return manifest, FeatureSet.open(tmp_path / "features", manifest, config)

    before, features = prepared()
    run = train(tmp_path / "run", before, features)
    (own_clips / "test_mp3s" / "3.mp3").unlink()
    after, features = prepared()
    assert after.labelled_fingerprint == before.labelled_fingerprint
    monkeypatch.setattr(trainer, "train_epoch", None)  # calling it would fail
    train(run.folder, after, features)
    assert run.is_complete(after.test_fingerprint, has_test=True)
    assert not run.is_complete(before.test_fingerprint, has_test=True)


def test_a_run_whose_loss_is_not_finite_stops_and_keeps_its_good_checkpoints(
    manifest: Manifest, features: FeatureSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches = trainer.training_batches

    def poisoned(clips: object, size: int, seed: int, epoch: int) -> Iterator[object]:
        for x, labels in batches(clips, size, seed, epoch):  # type: ignore[arg-type]
            yield (x * float("nan") if epoch == 3 else x), labels

    monkeypatch.setattr(trainer, "training_batches", poisoned)
    run = train(tmp_path / "run", manifest, features)
    outcome = run.outcome()
    assert outcome is not None
    assert "diverged in epoch 3" in outcome["reason"]
    assert run.epochs_kept() == [1, 2]
    for epoch in run.epochs_kept():
        assert all(torch.isfinite(p).all() for p in load_model(run, epoch, "cpu").parameters())


def test_a_damaged_state_is_noticed_and_the_run_starts_again(
    manifest: Manifest, features: FeatureSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = results(train(tmp_path / "one", manifest, features))
    run = Run(tmp_path / "two")
    Reaper(monkeypatch, 12)
    with pytest.raises(Killed):
        train(run.folder, manifest, features)
    monkeypatch.undo()
    run.state.write_bytes(run.state.read_bytes()[:-100])
    assert results(train(run.folder, manifest, features)) == whole


@pytest.mark.parametrize("place", [1000, 40_000, 200_000])
def test_a_changed_byte_in_weights_is_noticed_and_the_run_trained_anew(
    manifest: Manifest, features: FeatureSet, tmp_path: Path, place: int
) -> None:
    run = train(tmp_path / "run", manifest, features)
    whole = results(run)
    weights = run.weights(run.epochs_kept()[0])
    changed = bytearray(weights.read_bytes())
    changed[place] ^= 0x10
    weights.write_bytes(changed)
    shutil.rmtree(run.folder / "predictions")
    with pytest.raises(DamagedFileError, match=r"epoch-0000\d\.pt is damaged.*Launch again"):
        train(run.folder, manifest, features)
    assert results(train(run.folder, manifest, features)) == whole


@pytest.mark.parametrize("suffix", [".pt", ".json"])
def test_a_run_that_lost_a_checkpoint_is_trained_anew(
    manifest: Manifest, features: FeatureSet, tmp_path: Path, suffix: str
) -> None:
    run = train(tmp_path / "run", manifest, features)
    whole = results(run)
    next(run.checkpoints.glob(f"*{suffix}")).unlink()
    assert not run.is_complete(manifest.test_fingerprint, has_test=True)
    assert results(train(run.folder, manifest, features)) == whole


def test_a_changed_byte_in_the_state_is_noticed(
    manifest: Manifest, features: FeatureSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = results(train(tmp_path / "one", manifest, features))
    run = Run(tmp_path / "two")
    Reaper(monkeypatch, 12)
    with pytest.raises(Killed):
        train(run.folder, manifest, features)
    monkeypatch.undo()
    changed = bytearray(run.state.read_bytes())
    changed[len(changed) // 2] ^= 1
    run.state.write_bytes(changed)
    assert results(train(run.folder, manifest, features)) == whole


def test_missing_weights_and_damaged_metadata_are_named(
    manifest: Manifest, features: FeatureSet, tmp_path: Path
) -> None:
    run = train(tmp_path / "run", manifest, features)
    epoch = run.epochs_kept()[0]
    run.weights(epoch).unlink()
    with pytest.raises(DamagedFileError, match=r"epoch-0000\d\.pt is damaged"):
        load_model(run, epoch, "cpu")
    run.meta(epoch).write_text("{}")
    with pytest.raises(DamagedFileError, match=r"epoch-0000\d\.json is damaged"):
        Checkpoint.load(run, epoch)


def test_a_run_that_goes_on_elsewhere_says_so_and_keeps_both_records(
    manifest: Manifest,
    features: FeatureSet,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    run = Run(tmp_path / "run")
    with pytest.MonkeyPatch.context() as patch:
        Reaper(patch, 12)
        with pytest.raises(Killed):
            train(run.folder, manifest, features)
    monkeypatch.setattr(device, "_cpu_name", lambda: "Another CPU")
    train(run.folder, manifest, features)
    assert "goes on on other hardware" in caplog.text
    hardware = read_json(run.hardware)
    assert hardware["device"] == "Another CPU"
    assert len(hardware["earlier"]) == 1


OTHER_VALUES = {
    "model": None, "features": None, "depth": 20, "epochs": 7, "batch_size": 9, "seconds": 0.6,
    "sample_rate": 16_000, "n_fft": 256, "hop_length": 128, "n_mels": 8, "seed": 1, "threads": 2,
    "keep": 3, "early_stopping": 4, "min_loss": 0.1, "warmup_epochs": 2, "plateau_patience": 3,
    "plateau_factor": 0.5, "lr": 0.06, "momentum": 0.8, "weight_decay": 0.1,
}  # fmt: skip


def test_the_signature_covers_every_setting_the_labels_and_the_split(manifest: Manifest) -> None:
    split = draw_split(manifest, SplitConfig())
    base = run_signature(CONFIG, manifest, split)
    assert set(OTHER_VALUES) == set(RunConfig.model_fields)
    for name, value in OTHER_VALUES.items():
        if value is None:
            continue  # has only one value so far
        other = CONFIG.model_copy(update={name: value})
        assert run_signature(other, manifest, split) != base, name
    drawn_otherwise = draw_split(manifest, SplitConfig(split_seed=1))
    assert run_signature(CONFIG, manifest, drawn_otherwise) != base
    first = dataclasses.replace(manifest.labelled[0], label=f"{manifest.labelled[0].label}0")
    relabelled = dataclasses.replace(manifest, labelled=(first, *manifest.labelled[1:]))
    assert run_signature(CONFIG, relabelled, split) != base
