"""What every command shares: one way from errors to words and exit codes."""

import functools
from collections.abc import Callable
from typing import Any

import typer

from jobs.errors import PipelineError
from jobs.trust import keep_others_from_writing
from pipeline.pages import console

EXIT_FAILED, EXIT_BAD_INPUT, EXIT_INTERRUPTED = 1, 2, 130


def command(main: Callable[..., int | None]) -> typer.Typer:
    """Make a command of a function with typer's annotations, which may return an exit code.

    Exit code 1 means that something failed or the system refused, 2 that the input was refused,
    130 that the user interrupted.
    """

    @functools.wraps(main)
    def run(*args: Any, **kwargs: Any) -> None:
        code = _exit_code(main, *args, **kwargs)
        if code:
            raise typer.Exit(code)

    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(run)
    return app


def _exit_code(main: Callable[..., int | None], *args: Any, **kwargs: Any) -> int:
    """Call `main` and print what went wrong, if anything did, in one line."""
    keep_others_from_writing()
    console.show_warnings()
    try:
        return main(*args, **kwargs) or 0
    except PipelineError as error:
        console.complain(str(error))
        return EXIT_BAD_INPUT
    except OSError as error:
        console.complain(f"{error}. Once that is fixed, the same command resumes")
        return EXIT_FAILED
    except KeyboardInterrupt:
        console.complain("interrupted; nothing is lost: the same command goes on from here")
        return EXIT_INTERRUPTED
