"""`python -m pipeline.clean OUT`: what nobody needs any more of an output; --yes removes it."""

import shutil
from collections import defaultdict
from pathlib import Path
from typing import Annotated

import typer

from jobs.data.workspace import Workspace
from jobs.errors import InputError
from jobs.files import remove
from jobs.ownership import owning
from jobs.words import count
from pipeline.command import command
from pipeline.monitoring.leftovers import Leftover, leftovers
from pipeline.monitoring.overview import overview
from pipeline.pages import console
from pipeline.planning.plan import OpenedPlan


def main(
    out: Annotated[Path, typer.Argument(help="Output folder of a launch.")],
    yes: Annotated[bool, typer.Option("--yes", help="Remove what is listed.")] = False,
) -> None:
    """List logs and pickles of finished stages, and features and runs that no present plan names.

    Results are never among them. Nothing is removed without --yes, nor while jobs work.
    """
    workspace = Workspace(out.absolute())
    # Before the lock is ours: a lock that is held counts as a launch that works.
    if overview(OpenedPlan.load(workspace)).is_moving:
        raise InputError(f"jobs of {out} wait or run, or it cannot be known; wait for them")
    with owning(workspace.lock("launch"), wait_s=0):
        opened = OpenedPlan.load(workspace)
        found = list(leftovers(opened))
        _list(workspace, found)
        if not found:
            return
        files, size = sum(f.files for f in found), sum(f.bytes for f in found)
        said = f"{count(files, 'file')}, {size / 1e6:,.1f} MB"
        if not yes:
            console.say(f"{said}; --yes removes them")
            return
        for each in found:
            _remove(each.path)
        console.say(f"{said} removed", style="green")


def _list(workspace: Workspace, found: list[Leftover]) -> None:
    alike: dict[tuple[Path, str], list[Leftover]] = defaultdict(list)
    for each in found:
        # Thousands of logs are one line.
        path = each.path if each.path.is_dir() else each.path.with_name(f"*{each.path.suffix}")
        alike[path.relative_to(workspace.root), each.why].append(each)
    rows = []
    for (path, why), some in alike.items():
        size = sum(each.bytes for each in some) / 1e6
        rows.append((str(path), str(sum(each.files for each in some)), f"{size:,.1f} MB", why))
    if rows:
        console.table(("what", "files", "size", "why it may go"), rows)
    else:
        console.say("Nothing to remove.", style="green")


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        remove(path)


app = command(main)

if __name__ == "__main__":
    app()
