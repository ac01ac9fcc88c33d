"""From what a person typed to an opened plan: grid, data, output and site, all checked."""

from pathlib import Path

from jobs.data.layouts import read_data
from jobs.data.workspace import Workspace
from pipeline.grid import Grid
from pipeline.plan import OpenedPlan, Plan, stored_or_drawn_split
from pipeline.site import Site

DEFAULT_DATA = Path("data")
DEFAULT_OUT = Path("work")


def choose_output(grid: Grid, out: Path | None) -> Workspace:
    """Return the output folder: as asked, or work/<grid name>."""
    return Workspace((out or DEFAULT_OUT / grid.name).absolute())


def open_plan(grid: Grid, data: Path | None, workspace: Workspace, site: Site) -> OpenedPlan:
    """Read the data and plan the grid over it; nothing is written.

    The data folder is `data`, else the grid's `data:`, else ./data.

    Raises:
        InputError: the data has a mistake, or a run names a tier that the site has not.
    """
    folder = data or (Path(grid.options.data) if grid.options.data else DEFAULT_DATA)
    manifest = read_data(folder)
    return OpenedPlan(workspace, Plan.make(grid, manifest, site), manifest)


def save_plan(opened: OpenedPlan) -> None:
    """Write plan, manifest and split for the tasks to read. A stored split is drawn no more."""
    opened.save(stored_or_drawn_split(opened.workspace, opened.plan, opened.manifest))
