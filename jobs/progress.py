"""Progress of a long loop: a bar on a terminal, plain lines in a log."""

import logging
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

log = logging.getLogger(__name__)

Item = TypeVar("Item")
LINE_EVERY_S = 30.0


@dataclass(frozen=True)
class Progress:
    """How far a loop of `total` items is; `unit` names them in plural.

    With `lines: False` only a terminal sees it: who loops writes lines of their own.
    """

    title: str
    total: int
    unit: str
    lines: bool = True

    def over(self, items: Iterable[Item]) -> Iterator[Item]:
        """Yield the items, showing how far they are."""
        # Standard output, as everything that a task says.
        console = Console()
        if console.is_terminal:
            return self._bar(items, console)
        return self._lines(items) if self.lines else iter(items)

    def _bar(self, items: Iterable[Item], console: Console) -> Iterator[Item]:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
        )
        with Bar(*columns, console=console, transient=True) as bar:
            yield from bar.track(items, total=self.total, description=self.title)

    def _lines(self, items: Iterable[Item]) -> Iterator[Item]:
        started = last = time.monotonic()
        for done, item in enumerate(items, start=1):
            yield item
            now = time.monotonic()
            if now - last >= LINE_EVERY_S and done < self.total:
                last = now
                left = (now - started) / done * (self.total - done)
                log.info(
                    "%s: %d of %d %s, about %.0f s left",
                    self.title,
                    done,
                    self.total,
                    self.unit,
                    left,
                )
