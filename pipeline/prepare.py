"""From what a person typed to an opened plan: grid, data, output and site, all checked."""

from pathlib import Path

from jobs.data.layouts import read_data
from jobs.data.split import split_fingerprint, stored_or_drawn_split
from jobs.data.workspace import Workspace
from pipeline.grid import Grid
from pipeline.plan import OpenedPlan, Plan
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
    path = workspace.split(split_fingerprint(grid.options.split, manifest))
    split = stored_or_drawn_split(path, manifest, grid.options.split)
    return OpenedPlan(workspace, Plan.make(grid, manifest, site, split), manifest, split)
