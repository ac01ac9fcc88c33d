"""What a run says while it trains."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from jobs.errors import DamagedFileError
from jobs.train.history import History, HistoryRow, recording_events
from jobs.train.run import Run
from jobs.words import duration

Train = Callable[..., Run]
Killing = Callable[[Callable[[], Run], int], Run | None]


def scalars(run: Run) -> dict[str, list[int]]:
    """Return the epochs of each curve, as TensorBoard shows them."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(run.events)).Reload()
    return {tag: [e.step for e in events.Scalars(tag)] for tag in events.Tags()["scalars"]}


def test_a_run_writes_one_line_an_epoch_with_the_time_left(
    train: Train, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    train(tmp_path / "run")
    lines = [r.message for r in caplog.records if r.message.startswith("epoch ")]
    assert len(lines) == 6
    for epoch, line in enumerate(lines, start=1):
        assert line.startswith(f"epoch {epoch}/6  lr ")
        assert re.search(r"train loss [\d.]+ acc [\d.]+  val loss [\d.]+ acc [\d.]+", line)
        assert re.search(r"[\d.]+ s, at most \d+ s left$", line)


def test_tensorboard_shows_each_epoch_once_though_the_run_was_killed(
    train: Train, killing: Killing, tmp_path: Path
) -> None:
    run = None
    while run is None:
        run = killing(lambda: train(tmp_path / "run"), 18)
    shown = scalars(run)
    assert set(shown) == {
        "loss/training", "loss/validation", "accuracy/training", "accuracy/validation",
        "learning rate", "seconds an epoch",
    }  # fmt: skip
    assert all(epochs == [1, 2, 3, 4, 5, 6] for epochs in shown.values())


def test_without_tensorboard_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "torch.utils.tensorboard", None)
    with recording_events(Run(tmp_path), History()) as events:
        assert events is None
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("seconds", "words"), [(7.9, "7 s"), (200, "3 min 20 s"), (7500, "2 h 05 min")]
)
def test_durations_are_told_in_words(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_a_history_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    rows = [
        HistoryRow(1, 0.1, 1 / 3, 0.5, 2 / 3, 0.25, 0.001),
        HistoryRow(2, None, 0, 1, 0, 1, 2.5),
    ]
    History(rows).save(tmp_path / "history.csv")
    assert History.load(tmp_path / "history.csv").rows == rows
    assert History.load(tmp_path / "none.csv").rows == []
    (tmp_path / "history.csv").write_text("epoch,lr\n1,2\n")
    with pytest.raises(DamagedFileError, match=r"history\.csv is damaged"):
        History.load(tmp_path / "history.csv")
