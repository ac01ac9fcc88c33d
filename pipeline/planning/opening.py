"""From what a person typed to an opened plan: grid, data, output and site, all checked."""

import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from jobs.data.dataset import Dataset
from jobs.data.drawn_split import stored_or_drawn_split
from jobs.data.layouts import read_data
from jobs.data.recordings import RecordingHashes, TooMuchToReadError
from jobs.data.split import Split, split_fingerprint
from jobs.data.unread import find_unread
from jobs.data.workspace import Workspace
from jobs.errors import InputError
from jobs.extract.quarantine import Limits
from pipeline.planning.grid import Grid
from pipeline.planning.plan import OpenedPlan, Plan
from pipeline.planning.site import Site

DEFAULT_DATA = Path("data")
DEFAULT_OUT = Path("work")
# What a login node may be asked to read: a few minutes on a shared file system.
MOST_BYTES_ON_A_LOGIN_NODE = 20 * 10**9


def choose_output(grid: Grid, out: Path | None) -> Workspace:
    """Return the output folder: as asked, or work/<grid name>."""
    return Workspace((out or DEFAULT_OUT / grid.name).absolute())


def choose_data(grid: Grid, data: Path | None) -> Path:
    """Return the data folder: as asked, else the grid's `data:`, else ./data."""
    named = Path(grid.options.launch.data) if grid.options.launch.data else DEFAULT_DATA
    return (data or named).expanduser()


def open_plan(
    grid: Grid, data: Path, workspace: Workspace, site: Site, hashes: RecordingHashes | None = None
) -> OpenedPlan:
    """Read the data and plan the grid over it; of the results nothing is written.

    Args:
        grid: what to train.
        data: the data folder.
        workspace: the output folder.
        site: what a task may ask for.
        hashes: of recordings, from earlier; None for those that the output folder remembers.

    Raises:
        InputError: the data has a mistake, or a run names a tier that the site does not have.
    """
    hashes = hashes or RecordingHashes(workspace.recordings)
    dataset = read_data(data, hashes, grid.options.layout)
    dataset = _with_unread_clips_noted(dataset, grid.options.limits)
    path = workspace.split(split_fingerprint(grid.options.split, dataset))
    split = stored_or_drawn_split(path, dataset, grid.options.split)
    _require_suited(grid, dataset, site, split)
    return OpenedPlan(workspace, Plan.make(grid, dataset, site, split), dataset, split)


def _require_suited(grid: Grid, dataset: Dataset, site: Site, split: Split) -> None:
    """Refuse runs that this site or these data cannot have.

    Raises:
        InputError: names the run.
    """
    counts = [dataset.counts(fold.training) for fold in split.folds]
    for entry in grid.entries:
        site.tier(entry.tier or site.tiers[0].name)
        try:
            for training in counts:
                entry.config.require_suited_to(training)
        except InputError as error:
            raise InputError(f"{grid.path}: run '{entry.name}': {error}") from None


def _with_unread_clips_noted(dataset: Dataset, limits: Limits) -> Dataset:
    """Say it where many clips will be in quarantine; refuse data that would be refused later.

    Raises:
        InputError: more of the clips are of a kind that is not read than may be bad.
    """
    unread = find_unread(dataset)
    if unread is None:
        return dataset
    sentence = unread.sentence(dataset)
    if limits.allow(unread.found, unread.looked_at):
        return replace(dataset, notes=(*dataset.notes, sentence))
    raise InputError(f"{sentence}. `bad_clips: {limits.bad_clips:g}` allows fewer bad clips")


def open_plan_on_a_login_node(
    grid: Grid,
    data: Path,
    workspace: Workspace,
    site: Site,
    hashes: RecordingHashes,
    settings: Sequence[str] = (),
) -> OpenedPlan:
    """As `open_plan`, but leave it to a job to read more than a login node should.

    Args:
        grid, data, workspace, site, hashes: see `open_plan`.
        settings: of --set, which the job needs too.

    Raises:
        InputError: also where too much would be read; it names the job that reads it.
    """
    hashes.most_bytes = MOST_BYTES_ON_A_LOGIN_NODE
    try:
        return open_plan(grid, data, workspace, site, hashes)
    except TooMuchToReadError as error:
        # Variables and not --export=...: sbatch splits that at commas, which a path may have.
        named = {"GRID": grid.path, "DATA": data.absolute(), "OUT": workspace.root}
        variables = [f"{name}={shlex.quote(str(path))}" for name, path in named.items()]
        options = [part for text in settings for part in ("--set", text)]
        script = shlex.join(["sbatch", "slurm/extract.sbatch", *options])
        first = f"delete {workspace.recordings}, and " if hashes.rehash else ""
        raise InputError(
            f"{error}, to know the recordings by their content; that is too much for a login "
            f"node. {first}`{' '.join([*variables, script])}` reads and extracts them in jobs and "
            "remembers what it read; launch when it has ended, without --rehash"
        ) from None
