"""What people see: plain sentences and tables, in colour on a terminal."""

import logging
import sys
from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from jobs.plain_text import PlainFormatter, on_a_terminal

LOG_WIDTH = 140


def _console(stderr: bool = False) -> Console:
    stream = sys.stderr if stderr else sys.stdout
    # In a log nothing wraps at 80 columns, so that a path stays in one piece.
    width = None if stream.isatty() else LOG_WIDTH
    return Console(stderr=stderr, width=width, highlight=False, soft_wrap=True, emoji=False)


def say(text: str = "", style: str | None = None) -> None:
    """Print one line; square brackets in it are text, not markup."""
    _console().print(escape(on_a_terminal(text)), style=style)


def show_warnings() -> None:
    """Print on standard error what is logged as a warning outside of a task's own log."""
    handler = logging.StreamHandler()
    handler.setLevel(logging.WARNING)
    handler.setFormatter(PlainFormatter("%(message)s"))
    logging.getLogger().handlers = [handler]


def print_plain(text: str) -> None:
    """Print text as it is, for programs."""
    sys.stdout.write(text + "\n")


def heading(text: str) -> None:
    say()
    say(text, style="bold")


def complain(text: str) -> None:
    """Print an error to standard error."""
    _console(stderr=True).print(f"[bold red]error:[/] {escape(on_a_terminal(text))}")


def warn(text: str) -> None:
    """Print something that the reader should not miss."""
    _console().print(f"[bold yellow]note:[/] {escape(on_a_terminal(text))}")


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table; columns whose every cell is a number are right-aligned."""
    shown = Table(box=None, pad_edge=False, padding=(0, 2), header_style="dim")
    for number, name in enumerate(columns):
        numeric = all(_is_number(row[number]) for row in rows)
        shown.add_column(name, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        shown.add_row(*(escape(on_a_terminal(cell)) for cell in row))
    _console().print(shown, soft_wrap=False)


def _is_number(text: str) -> bool:
    return text.replace(".", "", 1).replace("%", "").strip().isdigit() or text in ("", "–")
