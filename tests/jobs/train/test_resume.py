"""A run ends the same however often it is killed, and whatever of it is damaged meanwhile."""

import errno
import functools
import itertools
import os
import random
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from jobs.errors import DamagedFileError
from jobs.extract.store.feature_set import FeatureSet
from jobs.train.compute import device
from jobs.train.compute.device import Hardware
from jobs.train.config import RunConfig
from jobs.train.fitted import load_fitted, load_validation
from jobs.train.run import Run
from jobs.train.validation import ValidationPredictions

ROOT = Path(__file__).parents[3]
Train = Callable[..., Run]
Results = Callable[[Run], dict[str, bytes]]
Killing = Callable[[Callable[[], Run], int], Run | None]

# All that a run can have at once; what changes an epoch must come back after a kill.
EVERYTHING = {
    "shift_p": 0.5, "speed_p": 0.5, "pitch_p": 0.5, "noise_p": 0.5, "mixup_p": 0.5, "mask_p": 0.5,
    "balance": "equal", "ema": 0.9, "label_smoothing": 0.1, "clip_grad": 1.0, "epochs": 4,
}  # fmt: skip
MODELS: dict[str, dict[str, object]] = {
    "resnet A": {},
    "resnet B": {"shortcut": "B"},
    "cnn": {"model": "cnn"},
    "inception": {"model": "inception"},
    "densenet": {"model": "densenet", "densenet_depth": 10, "growth": 4},
}
RECIPES: dict[str, dict[str, object]] = {
    "sgd plateau": {"nesterov": True},
    "adamw cosine": {"optimizer": "adamw", "schedule": "cosine", "lr": 1e-3},
    "sgd onecycle": {"schedule": "onecycle"},
}


def changed(config: RunConfig, *updates: dict[str, object]) -> RunConfig:
    for update in updates:
        config = config.but(**update)
    return config


def test_a_run_killed_between_any_two_moments_ends_bit_for_bit_the_same(
    train: Train, results: Results, killing: Killing, tmp_path: Path
) -> None:
    undisturbed = results(train(tmp_path / "one"))
    kills = 0
    for moments in itertools.cycle(range(8, 21)):  # at least one epoch's worth among them
        run = killing(lambda: train(tmp_path / "two"), moments)
        if run is not None:
            break
        kills += 1
        assert kills < 100
    assert kills >= 5
    assert run is not None
    assert results(run) == undisturbed


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("model", MODELS)
def test_every_model_and_schedule_resumes_bit_for_bit(
    train: Train,
    results: Results,
    killing: Killing,
    config: RunConfig,
    tmp_path: Path,
    model: str,
    recipe: str,
) -> None:
    wanted = changed(config, EVERYTHING, MODELS[model], RECIPES[recipe])
    undisturbed = results(train(tmp_path / "one", wanted))
    rng = random.Random(f"{model} {recipe}")
    kills = 0
    while True:
        moments = rng.randrange(10, 30)
        run = killing(lambda: train(tmp_path / "two", wanted), moments)
        if run is not None:
            break
        kills += 1
        assert kills < 50
    assert kills >= 2
    assert results(run) == undisturbed


PROGRAM = """\
import sys
from pathlib import Path
from jobs.data.layouts import read_data
from jobs.data.drawn_split import draw_split
from jobs.data.split import SplitConfig
from jobs.extract.store.feature_store import FeatureStore
from jobs.train.config import RunConfig
from jobs.train.run import Run
from jobs.train.training import train_run
data, features, config, folder = map(Path, sys.argv[1:])
config = RunConfig.load(config)
dataset = read_data(data)
opened = FeatureStore(features).open(dataset.labelled, config.features)
fold = draw_split(dataset, SplitConfig()).folds[0]
train_run(Run(folder), config, dataset, fold, opened)
"""


def test_a_process_killed_by_sigkill_at_random_moments_ends_bit_for_bit_the_same(
    train: Train,
    results: Results,
    config: RunConfig,
    features: FeatureSet,
    made_clips: Path,
    tmp_path: Path,
) -> None:
    wanted = changed(config, EVERYTHING, {"schedule": "onecycle", "epochs": 12, "depth": 20})
    wanted.save(tmp_path / "config.json")
    undisturbed = results(train(tmp_path / "one", wanted))
    run = Run(tmp_path / "two")
    inputs = (made_clips, features.folder.parent, tmp_path / "config.json", run.folder)
    command = [sys.executable, "-c", PROGRAM, *map(str, inputs)]
    rng = random.Random(0)
    kills = 0
    while kills < 4:
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
        before = run.states()[:1]
        while process.poll() is None and run.states()[:1] == before:
            time.sleep(0.01)
        time.sleep(rng.random() / 2)
        if process.poll() is not None:
            break
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        kills += 1
    assert kills >= 2
    assert subprocess.run(command, cwd=ROOT, check=False).returncode == 0
    assert results(run) == undisturbed


@pytest.fixture
def interrupted(train: Train, killing: Killing, tmp_path: Path) -> Run:
    """A run that was killed after its third epoch or later."""
    run = Run(tmp_path / "two")
    for _ in range(20):
        if len(run.states()) == 2 and run.states()[0] >= run.state(3):
            return run
        assert killing(lambda: train(run.folder), 14) is None
    raise AssertionError("the run never came to its third epoch")


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("damage", [cut, flip, lambda path: path.write_bytes(b"")])
def test_a_damaged_state_is_noticed_and_the_one_before_is_used(
    train: Train, results: Results, interrupted: Run, tmp_path: Path,
    caplog: pytest.LogCaptureFixture, damage: Callable[[Path], None],
) -> None:  # fmt: skip
    caplog.set_level("INFO")
    last = interrupted.states()[0]
    damage(last)
    epoch = int(last.stem.split("-")[1])
    run = train(interrupted.folder)
    assert "going back to the state before it" in caplog.text
    assert f"resuming after epoch {epoch - 1} of 6" in caplog.text
    assert results(run) == results(train(tmp_path / "one"))


def test_two_damaged_states_start_the_run_again(
    train: Train, results: Results, interrupted: Run, tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    caplog.set_level("INFO")
    for state in interrupted.states():
        cut(state)
    run = train(interrupted.folder)
    assert "resuming" not in caplog.text
    assert results(run) == results(train(tmp_path / "one"))


@pytest.mark.parametrize("damage", [cut, flip, Path.unlink])
def test_a_checkpoint_damaged_while_its_run_is_interrupted_is_made_again(
    train: Train, results: Results, interrupted: Run, tmp_path: Path,
    damage: Callable[[Path], None],
) -> None:  # fmt: skip
    damage(interrupted.checkpoints_kept()[0].weights)
    assert results(train(interrupted.folder)) == results(train(tmp_path / "one"))


@pytest.mark.parametrize("offset", [1000, 40_000, 200_000])
def test_a_changed_byte_in_weights_is_noticed_and_the_run_trained_anew(
    train: Train, results: Results, tmp_path: Path, offset: int
) -> None:
    run = train(tmp_path / "run")
    whole = results(run)
    checkpoint = run.checkpoints_kept()[0]
    data = bytearray(checkpoint.weights.read_bytes())
    data[offset] ^= 0x10
    checkpoint.weights.write_bytes(data)
    with pytest.raises(DamagedFileError, match=r"epoch-0000\d\.pt is damaged.*Launch again"):
        load_fitted(run, checkpoint)
    assert not run.is_trained()
    assert results(train(run.folder)) == whole


@pytest.mark.parametrize("suffix", [".pt", ".json"])
def test_a_run_that_lost_a_checkpoint_is_trained_anew(
    train: Train, results: Results, tmp_path: Path, suffix: str
) -> None:
    run = train(tmp_path / "run")
    whole = results(run)
    next(run.checkpoints.glob(f"*{suffix}")).unlink()
    assert not run.is_trained()
    assert results(train(run.folder)) == whole


def test_a_run_that_goes_on_elsewhere_says_so_and_keeps_both_records(
    train: Train,
    interrupted: Run,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(device, "_cpu_name", lambda: "Another CPU")
    run = train(interrupted.folder)
    assert "goes on on other hardware" in caplog.text
    hardware = Hardware.load(run.hardware)
    assert hardware.device == "Another CPU"
    assert len(hardware.earlier) == 1


NO_MEMORY = RuntimeError("[enforce fail at alloc_cpu.cpp:124] DefaultCPUAllocator: can't allocate")
NO_MEMORY.args = (f"{NO_MEMORY} memory: you tried to allocate 9437184 bytes.",)


@pytest.mark.parametrize(
    "error", [MemoryError(), NO_MEMORY, OSError(errno.ESTALE, "stale file handle")]
)
def test_what_cannot_be_read_just_now_is_not_taken_for_damaged(
    train: Train, interrupted: Run, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    states, kept = interrupted.states(), interrupted.checkpoints_kept()

    def failing(*_: object, **__: object) -> object:
        raise error

    for module in (torch, zipfile):
        with monkeypatch.context() as patch:
            patch.setattr(module, "load" if module is torch else "ZipFile", failing)
            with pytest.raises(type(error)):
                train(interrupted.folder)
        assert (interrupted.states(), interrupted.checkpoints_kept()) == (states, kept)


def records(run: Run) -> ValidationPredictions:
    return ValidationPredictions.load(run.validation)


def damage_record(run: Run, epoch: int) -> None:
    """Change a byte of one epoch's validation predictions."""
    data = bytearray(run.validation.read_bytes())
    data[records(run)._offset(epoch) + 5] ^= 1
    run.validation.write_bytes(data)


def test_validation_predictions_that_no_state_counts_are_written_again(
    train: Train, results: Results, interrupted: Run, tmp_path: Path
) -> None:
    last = int(interrupted.states()[0].stem.split("-")[1])
    saved = records(interrupted)
    saved.keep(last)
    saved.append(last + 1, 1 - saved.of_epoch(last))  # a kill came before its state
    assert results(train(interrupted.folder)) == results(train(tmp_path / "one"))


@pytest.mark.parametrize("cut_off", [1, 50, 10_000])
def test_a_state_without_its_validation_predictions_is_not_used(
    train: Train, results: Results, interrupted: Run, tmp_path: Path,
    caplog: pytest.LogCaptureFixture, cut_off: int,
) -> None:  # fmt: skip
    caplog.set_level("INFO")
    last = int(interrupted.states()[0].stem.split("-")[1])
    records(interrupted).keep(last)
    whole = interrupted.validation.read_bytes()
    interrupted.validation.write_bytes(whole[: max(0, len(whole) - cut_off)])
    run = train(interrupted.folder)
    assert "going back to the state before it" in caplog.text
    assert (f"resuming after epoch {last - 1}" in caplog.text) == (cut_off < 10_000)
    assert results(run) == results(train(tmp_path / "one"))


@pytest.mark.parametrize("epochs_back", [0, 1, 2])
def test_a_changed_byte_in_validation_predictions_is_noticed(
    train: Train, results: Results, interrupted: Run, tmp_path: Path,
    caplog: pytest.LogCaptureFixture, epochs_back: int,
) -> None:  # fmt: skip
    caplog.set_level("INFO")
    last = int(interrupted.states()[0].stem.split("-")[1])
    damage_record(interrupted, last - epochs_back)
    run = train(interrupted.folder)
    assert ("resuming" in caplog.text) == (epochs_back == 0)
    assert results(run) == results(train(tmp_path / "one"))


def test_damaged_validation_predictions_of_an_ended_run_make_it_train_anew(
    train: Train, results: Results, tmp_path: Path
) -> None:
    run = train(tmp_path / "run")
    whole = results(run)
    damage_record(run, 2)
    saved = load_validation(run)
    assert saved.of_epoch(1).shape == (len(saved.ids), len(saved.classes))
    with pytest.raises(DamagedFileError, match=r"validation\.bin is damaged: epoch 2"):
        saved.of_epoch(2)
    run.validation.write_bytes(b"{}\n")
    with pytest.raises(DamagedFileError, match=r"validation\.bin is damaged.*Launch again"):
        load_validation(run)
    assert not run.is_trained()
    assert results(train(run.folder)) == whole


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_run_that_is_paused_and_continued_ends_bit_for_bit_like_one_that_was_not(
    train: Train, results: Results, config: RunConfig, tmp_path: Path, recipe: str
) -> None:
    wanted = changed(config, EVERYTHING, RECIPES[recipe], {"epochs": 6})
    straight = results(train(tmp_path / "one", wanted))
    for epoch in (2, 3, 5):
        run = train(tmp_path / "two", wanted, until=epoch)
        outcome = run.outcome()
        assert outcome is not None
        assert (outcome.end, outcome.epochs, outcome.ended) == ("paused", epoch, False)
        assert run.is_trained_to(epoch)
        assert not run.is_trained_to(epoch + 1)
        assert not run.is_trained()
        kept = [checkpoint.epoch for checkpoint in run.checkpoints_kept()]
        assert kept == list(outcome.kept)
        assert len(kept) == 2
        assert all(load_fitted(run, checkpoint) for checkpoint in run.checkpoints_kept())
        assert records(run).epochs() == epoch
    before = run.done.stat().st_mtime_ns
    train(tmp_path / "two", wanted, until=3)  # it is further already
    assert run.done.stat().st_mtime_ns == before
    assert results(train(tmp_path / "two", wanted)) == straight
    assert run.is_trained()
    assert run.is_trained_to(3)


def test_a_run_that_is_killed_while_it_is_continued_ends_the_same(
    train: Train, results: Results, killing: Killing, tmp_path: Path
) -> None:
    straight = results(train(tmp_path / "one"))
    folder = tmp_path / "two"
    for until in (2, 4, None):
        kills, go_on = 0, functools.partial(train, folder, until=until)
        while killing(go_on, 11 + kills) is None:
            kills += 1
            assert kills < 20
        assert kills
    assert results(Run(folder)) == straight


def test_a_pause_at_the_last_epoch_is_the_end(
    train: Train, results: Results, tmp_path: Path
) -> None:
    assert results(train(tmp_path / "one", until=6)) == results(train(tmp_path / "two"))
