"""What a run tells while it trains: history.csv, validation.npz, TensorBoard, a line an epoch."""

import contextlib
import logging
from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np

from jobs.files import replacing, write_csv
from jobs.progress import duration
from jobs.train.clips.labelled import LabelledClips
from jobs.train.run import Run
from jobs.train.state import Progress

log = logging.getLogger(__name__)

HISTORY_HEADER = (
    "epoch", "lr", "train_loss", "train_accuracy", "val_loss", "val_accuracy", "seconds",
)  # fmt: skip
# Time left is told from this many epochs: the first one of an attempt is slower than the rest.
RECENT = 5


class Events(Protocol):
    """The part of TensorBoard's SummaryWriter that is used."""

    def add_scalar(self, tag: str, scalar_value: float, global_step: int) -> None: ...

    def flush(self) -> None: ...

    def close(self) -> None: ...


def tell_epoch(row: dict[str, Any], history: list[dict[str, Any]], epochs: int) -> None:
    """Write one line on the epoch that ended, with the time left."""
    recent = [each["seconds"] for each in history[-RECENT:]]
    left = (epochs - row["epoch"]) * sum(recent) / len(recent)
    log.info(
        "epoch %d/%d  lr %.3g  train loss %.4f acc %.3f  val loss %.4f acc %.3f  "
        "%.1f s, at most %s left",
        row["epoch"], epochs, row["lr"], row["train_loss"], row["train_accuracy"],
        row["val_loss"], row["val_accuracy"], row["seconds"], duration(left),
    )  # fmt: skip


def publish(run: Run, progress: Progress, validation: LabelledClips) -> None:
    """Bring what people read up to the state that has just been saved."""
    rows = ([row[name] for name in HISTORY_HEADER] for row in progress.history)
    write_csv(run.history, HISTORY_HEADER, rows)
    with replacing(run.validation) as temporary, temporary.open("wb") as file:
        np.savez(
            file,
            position=np.array(validation.positions, dtype=np.int64),
            label=validation.labels,
            probabilities=np.stack(progress.validation),
        )


@contextlib.contextmanager
def recording_events(run: Run, history: list[dict[str, Any]]) -> Iterator[Events | None]:
    """Open TensorBoard's events of a run, if the extra `tensorboard` is installed.

    A killed attempt may have shown epochs that will be repeated, or not have shown the last one
    of `history`: what it showed from that one on is taken back.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        yield None
        return
    except Exception as error:  # an installation of it that does not fit another one
        log.warning("no TensorBoard events: %r", error)
        yield None
        return
    writer: Events = SummaryWriter(str(run.events), purge_step=len(history))
    try:
        for row in history[-1:]:
            add_events(writer, row)
        yield writer
    finally:
        writer.close()


def add_events(events: Events | None, row: dict[str, Any]) -> None:
    """Add an epoch's row: losses and accuracies in pairs, the learning rate, seconds."""
    if events is None:
        return
    for tag, name in (
        ("loss/training", "train_loss"),
        ("loss/validation", "val_loss"),
        ("accuracy/training", "train_accuracy"),
        ("accuracy/validation", "val_accuracy"),
        ("learning rate", "lr"),
        ("seconds an epoch", "seconds"),
    ):
        events.add_scalar(tag, row[name], row["epoch"])
    try:
        events.flush()
    except OSError as error:  # curves are no reason to end a run
        log.warning("TensorBoard events of epoch %d are not written: %s", row["epoch"], error)
