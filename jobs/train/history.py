"""What a run says while it trains: history.csv, TensorBoard, a line an epoch. Imports no torch."""

import contextlib
import csv
import logging
from collections.abc import Callable, Iterator
from dataclasses import astuple, dataclass, field, fields
from pathlib import Path
from typing import Protocol

from jobs.errors import DamagedFileError
from jobs.files import write_csv
from jobs.train.run import Run
from jobs.words import duration

log = logging.getLogger(__name__)

# Time left is estimated from this many epochs: the first one of an attempt is slower.
RECENT = 5


@dataclass(frozen=True)
class HistoryRow:
    """One epoch: its learning rate, mean loss and accuracy on both sides, and how long it took.

    What is fitted at once has no learning rate.
    """

    epoch: int
    lr: float | None
    train_loss: float
    train_accuracy: float
    val_loss: float
    val_accuracy: float
    seconds: float


HEADER = tuple(each.name for each in fields(HistoryRow))


@dataclass
class History:
    """The epochs of a run, in order."""

    rows: list[HistoryRow] = field(default_factory=list)

    def save(self, path: Path) -> None:
        write_csv(path, HEADER, map(astuple, self.rows))

    @classmethod
    def load(cls, path: Path) -> "History":
        """Read what `save` wrote; empty if there is no file yet.

        Raises:
            DamagedFileError: it is not one of ours.
        """
        try:
            with path.open(encoding="utf-8", newline="") as file:
                header, *rows = csv.reader(file)
            if tuple(header) != HEADER:
                raise ValueError("another header")
            return cls([_row(cells) for cells in rows])
        except FileNotFoundError:
            return cls()
        except (ValueError, TypeError) as error:
            raise DamagedFileError(f"{path} is damaged: {error!r}") from error


def _row(cells: list[str]) -> HistoryRow:
    epoch, lr, *others = cells
    return HistoryRow(int(epoch), float(lr) if lr else None, *map(float, others))


def log_epoch(history: History, epochs: int) -> None:
    """Write one line on the epoch that ended, with the time left."""
    row, recent = history.rows[-1], [row.seconds for row in history.rows[-RECENT:]]
    left = (epochs - row.epoch) * sum(recent) / len(recent)
    log.info(
        "epoch %d/%d  lr %.3g  train loss %.4f acc %.3f  val loss %.4f acc %.3f  "
        "%.1f s, at most %s left",
        row.epoch, epochs, row.lr or 0, row.train_loss, row.train_accuracy,
        row.val_loss, row.val_accuracy, row.seconds, duration(left),
    )  # fmt: skip


class Writer(Protocol):
    """The part of TensorBoard's SummaryWriter that is used."""

    def add_scalar(self, tag: str, scalar_value: float, global_step: int) -> None: ...

    def flush(self) -> None: ...

    def close(self) -> None: ...


class Events:
    """TensorBoard's events of a run. Curves are no reason to end it: what fails ends them alone.

    TensorBoard writes in a thread of its own, and an error there (a disk that was full for a
    moment) is raised by whichever call comes next, perhaps epochs later.
    """

    def __init__(self, open_writer: Callable[[], Writer]) -> None:
        self._writer: Writer | None = None
        with self._told():
            self._writer = open_writer()

    def add(self, row: HistoryRow) -> None:
        """Add an epoch's row: losses and accuracies in pairs, the learning rate, seconds."""
        with self._told():
            if self._writer is None:
                return
            for tag, value in (
                ("loss/training", row.train_loss),
                ("loss/validation", row.val_loss),
                ("accuracy/training", row.train_accuracy),
                ("accuracy/validation", row.val_accuracy),
                ("learning rate", row.lr),
                ("seconds an epoch", row.seconds),
            ):
                if value is not None:
                    self._writer.add_scalar(tag, value, row.epoch)
            self._writer.flush()

    def close(self) -> None:
        with self._told():
            if self._writer is not None:
                self._writer.close()

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # its own and those of the file system
            log.warning("TensorBoard's events end here; training goes on: %s", error)
            self._writer = None


@contextlib.contextmanager
def recording_events(run: Run, history: History) -> Iterator[Events | None]:
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
    events = Events(lambda: SummaryWriter(str(run.events), purge_step=len(history.rows)))
    try:
        for row in history.rows[-1:]:
            events.add(row)
        yield events
    finally:
        events.close()
