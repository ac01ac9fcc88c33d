"""What another node has just written may appear late; it is looked for again, then named."""

import logging
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from jobs.data.workspace import Workspace
from pipeline.executors import late_files
from pipeline.executors.late_files import opened_after
from pipeline.monitoring.failure_note import FailureNote
from pipeline.stages.index import INDEX
from pipeline.stages.predict import PREDICT
from pipeline.stages.train import TRAIN


@pytest.fixture
def out(tmp_path: Path, finished: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(late_files, "POLL_S", 0.2)
    finished(tmp_path / "out")
    return tmp_path / "out"


def appear_later(path: Path) -> threading.Timer:
    """Take a file away and put it back in a moment."""
    hidden = path.with_name(f"hidden-{path.name}")
    path.rename(hidden)
    timer = threading.Timer(1.5, hidden.rename, (path,))
    timer.start()
    return timer


@pytest.mark.parametrize("pattern", ["launch/plan.json", "features/*/index.h5", "manifest.csv"])
def test_what_appears_late_is_waited_for(out: Path, pattern: str) -> None:
    timer = appear_later(next(out.glob(pattern)))
    opened = opened_after(Workspace(out), TRAIN)
    timer.join()
    assert INDEX.missing(opened) == []


def test_a_run_that_another_node_has_just_ended_is_waited_for(out: Path) -> None:
    timer = appear_later(next(out.glob("runs/*/done.json")))
    opened = opened_after(Workspace(out), PREDICT)
    timer.join()
    assert TRAIN.missing(opened) == []


def test_what_failed_is_not_waited_for(out: Path) -> None:
    workspace = Workspace(out)
    for run in out.glob("runs/*/done.json"):
        run.unlink()
    for number in range(2):
        FailureNote.killed().save(workspace.failure("train", number))
    assert opened_after(workspace, PREDICT, patience_s=600).plan.runs


def test_what_does_not_appear_is_named(out: Path, caplog: pytest.LogCaptureFixture) -> None:
    next(out.glob("runs/*/done.json")).unlink()
    with caplog.at_level(logging.INFO):
        opened_after(Workspace(out), PREDICT, patience_s=0.5)
    assert "still not there after 0.5 s: run 'momentum=" in caplog.text
