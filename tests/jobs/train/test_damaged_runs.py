"""A run ends the same whatever of it is damaged while it is interrupted, or says what is lost."""

import errno
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from jobs.errors import DamagedFileError
from jobs.train.fitted import load_fitted, load_validation
from jobs.train.run import Run
from jobs.train.validation import ValidationPredictions
from tests.damage import cut, flip

Train = Callable[..., Run]
Results = Callable[[Run], dict[str, bytes]]


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
