"""A run ends the same however often it is killed, and whatever of it is damaged meanwhile."""

import errno
import itertools
import os
import random
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from jobs.extract.feature_set import FeatureSet

from jobs.errors import DamagedFileError
from jobs.files import read_json
from jobs.train.compute import device
from jobs.train.config import RunConfig
from jobs.train.run import Run

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
    values = config.model_dump()
    for update in updates:
        values |= update
    return RunConfig.checked(values, "test")


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
from jobs.data.split import SplitConfig, draw_split
from jobs.extract.feature_set import FeatureSet
from jobs.files import read_json
from jobs.train.config import RunConfig
from jobs.train.run import Run
from jobs.train.trainer import train_run
data, features, config, folder = map(Path, sys.argv[1:])
config = RunConfig(**read_json(config))
manifest = read_data(data)
opened = FeatureSet.open(features, manifest, config.feature_config)
train_run(Run(folder), config, manifest, draw_split(manifest, SplitConfig()), opened)
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
    (tmp_path / "config.json").write_text(wanted.model_dump_json())
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
    damage(interrupted.weights(interrupted.epochs_kept()[0]))
    assert results(train(interrupted.folder)) == results(train(tmp_path / "one"))


@pytest.mark.parametrize("place", [1000, 40_000, 200_000])
def test_a_changed_byte_in_weights_is_noticed_and_the_run_trained_anew(
    train: Train, results: Results, tmp_path: Path, place: int
) -> None:
    run = train(tmp_path / "run")
    whole = results(run)
    weights = run.weights(run.epochs_kept()[0])
    data = bytearray(weights.read_bytes())
    data[place] ^= 0x10
    weights.write_bytes(data)
    shutil.rmtree(run.folder / "predictions")
    with pytest.raises(DamagedFileError, match=r"epoch-0000\d\.pt is damaged.*Launch again"):
        train(run.folder)
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
    hardware = read_json(run.hardware)
    assert hardware["device"] == "Another CPU"
    assert len(hardware["earlier"]) == 1


@pytest.mark.parametrize("error", [MemoryError(), OSError(errno.ESTALE, "stale file handle")])
def test_what_cannot_be_read_just_now_is_not_taken_for_damaged(
    train: Train, interrupted: Run, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    states, kept = interrupted.states(), interrupted.epochs_kept()

    def failing(*_: object, **__: object) -> object:
        raise error

    for module in (torch, zipfile):
        with monkeypatch.context() as patch:
            patch.setattr(module, "load" if module is torch else "ZipFile", failing)
            with pytest.raises(type(error)):
                train(interrupted.folder)
        assert (interrupted.states(), interrupted.epochs_kept()) == (states, kept)


def test_other_test_clips_are_predicted_elsewhere_without_touching_the_runs_record(
    train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = train(tmp_path / "run")
    record = run.hardware.read_bytes()
    shutil.rmtree(run.folder / "predictions")
    monkeypatch.setattr(device, "_cpu_name", lambda: "Another CPU")
    train(run.folder)
    assert (run.folder / "predictions").exists()
    assert run.hardware.read_bytes() == record
