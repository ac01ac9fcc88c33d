"""A run ends the same however often it is killed or paused."""

import functools
import itertools
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from jobs.extract.store.feature_set import FeatureSet
from jobs.train.compute import device
from jobs.train.compute.device import Hardware
from jobs.train.config import RunConfig
from jobs.train.fitted import load_fitted
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
from jobs.train.validation import ValidationPredictions
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


def test_a_run_that_goes_on_elsewhere_says_so_and_keeps_both_records(
    train: Train,
    interrupted: Run,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(device, "_cpu_name", lambda: "Another CPU")
    run = train(interrupted.folder)
    assert "resuming on other hardware" in caplog.text
    hardware = Hardware.load(run.hardware)
    assert hardware.device == "Another CPU"
    assert len(hardware.earlier) == 1


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
        assert ValidationPredictions.load(run.validation).epochs() == epoch
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
