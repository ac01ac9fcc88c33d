"""What fails for a moment destroys nothing: no result is lost to a file that cannot be read now."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from jobs.errors import DamagedFileError
from jobs.files import SET_ASIDE
from jobs.train.fitted import load_fitted
from jobs.train.history import Events, HistoryRow
from jobs.train.run import Run

Train = Callable[..., Run]
Results = Callable[[Run], dict[str, bytes]]
PASSING = (errno.ESTALE, errno.EIO, errno.EMFILE, errno.EACCES)


def failing_once(
    patch: pytest.MonkeyPatch, wanted: Callable[[Path], bool], number: int
) -> list[Path]:
    """Let the first read of a wanted file fail; return what failed."""
    failed: list[Path] = []
    read_text = Path.read_text

    def read(path: Path, *args: object, **options: object) -> str:
        if wanted(path) and not failed:
            failed.append(path)
            raise OSError(number, os.strerror(number), str(path))
        return read_text(path, *args, **options)  # type: ignore[arg-type]

    patch.setattr(Path, "read_text", read)
    return failed


@pytest.mark.parametrize("number", PASSING)
@pytest.mark.parametrize("name", ["done.json", "epoch-*.json"])
def test_an_error_while_a_finished_run_is_looked_at_trains_nothing_anew(
    train: Train, results: Results, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    name: str, number: int,
) -> None:  # fmt: skip
    run = train(tmp_path / "run")
    before = {path: path.stat().st_mtime_ns for path in run.folder.rglob("*") if path.is_file()}
    with monkeypatch.context() as patch:
        failed = failing_once(patch, lambda path: path.match(name), number)
        with pytest.raises(OSError, match=os.strerror(number)):
            train(run.folder)
        assert len(failed) == 1
    lock = run.lock
    train(run.folder)
    after = {path: path.stat().st_mtime_ns for path in run.folder.rglob("*") if path.is_file()}
    assert {p: t for p, t in after.items() if p != lock} == {
        p: t for p, t in before.items() if p != lock
    }


def test_checkpoints_of_a_run_whose_outcome_is_damaged_are_set_aside_and_told(
    train: Train, results: Results, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run = train(tmp_path / "run")
    whole = results(run)
    kept = {path.name: path.read_bytes() for path in run.checkpoints.iterdir()}
    run.done.write_text("{")
    assert results(train(run.folder)) == whole
    aside = run.checkpoints / SET_ASIDE
    assert {path.name: path.read_bytes() for path in aside.iterdir()} == kept
    assert (run.folder / SET_ASIDE / "done.json").read_text() == "{"
    assert "is set aside as" in caplog.text


def test_one_damaged_checkpoint_costs_no_other_one(
    train: Train, results: Results, tmp_path: Path
) -> None:
    run = train(tmp_path / "run")
    whole = results(run)
    damaged, other = run.checkpoints_kept()
    good = other.weights.read_bytes()
    damaged.weights.write_bytes(damaged.weights.read_bytes()[:-100])
    with pytest.raises(DamagedFileError):
        load_fitted(run, damaged)
    assert results(train(run.folder)) == whole
    assert (run.checkpoints / SET_ASIDE / other.weights.name).read_bytes() == good


def test_a_run_killed_in_its_first_epoch_leaves_nothing_aside(train: Train, tmp_path: Path) -> None:
    run = train(tmp_path / "run", until=1)
    for path in (*run.states(), run.done):
        path.unlink()
    train(run.folder)
    assert not list(run.folder.rglob(SET_ASIDE))


def test_a_run_that_is_continued_after_a_pause_leaves_nothing_aside(
    train: Train, tmp_path: Path
) -> None:
    train(tmp_path / "run", until=2)
    run = train(tmp_path / "run")
    assert run.is_trained()
    assert not list(run.folder.rglob(SET_ASIDE))


class FullDisk:
    """A writer of events as TensorBoard's: its thread's error is raised by a later call."""

    def __init__(self, method: str) -> None:
        self.method, self.calls = method, 0

    def _call(self, method: str) -> None:
        self.calls += 1
        if method == self.method:
            raise OSError(errno.ENOSPC, "No space left on device")

    def add_scalar(self, tag: str, scalar_value: float, global_step: int) -> None:
        self._call("add_scalar")

    def flush(self) -> None:
        self._call("flush")

    def close(self) -> None:
        self._call("close")


@pytest.mark.parametrize("method", ["add_scalar", "flush", "close"])
def test_events_that_cannot_be_written_end_no_run(
    method: str, caplog: pytest.LogCaptureFixture
) -> None:
    writer = FullDisk(method)
    events = Events(lambda: writer)
    for epoch in (1, 2):
        events.add(HistoryRow(epoch, 0.1, 1.0, 0.5, 1.0, 0.5, 2.0))
    events.close()
    assert caplog.text.count("No space left on device") == 1
    assert writer.calls > 0


def test_events_that_cannot_be_opened_end_no_run(caplog: pytest.LogCaptureFixture) -> None:
    def refused() -> FullDisk:
        raise OSError(errno.ENOSPC, "No space left on device")

    events = Events(refused)
    events.add(HistoryRow(1, 0.1, 1.0, 0.5, 1.0, 0.5, 2.0))
    events.close()
    assert caplog.text.count("No space left on device") == 1
