"""`python -m pipeline.audit DATA`: what is wrong with the data, before anything trains on it."""

import json
from pathlib import Path
from typing import Annotated

import typer

from jobs.audit.summary import AuditSummary, folders_of
from jobs.data.dataset import Dataset
from jobs.data.layouts import read_data
from jobs.data.layouts.config import LayoutConfig
from jobs.data.recordings import RecordingHashes
from jobs.data.workspace import Workspace
from jobs.extract.config import FeatureConfig
from jobs.extract.extraction import Extraction
from jobs.extract.store.feature_store import FeatureStore
from jobs.ownership import owning
from pipeline.command import command
from pipeline.pages import audit_page, console
from pipeline.planning.grid import read_grid
from pipeline.planning.plan import shards_of_sides
from pipeline.planning.resources import cpus_available
from pipeline.planning.space import make_writable
from pipeline.stages.audit import AUDIT
from pipeline.stages.index import INDEX

DEFAULT_OUT = Path("work/audit")


def main(
    data: Annotated[Path, typer.Argument(help="Data folder, in any layout that launch takes.")],
    out: Annotated[
        Path,
        typer.Option(
            help="Where features and findings go. The --out of a launch is reused, if it has v1 "
            "with default settings."
        ),
    ] = DEFAULT_OUT,
    grid: Annotated[
        Path | None,
        typer.Option(
            help="A grid that says how the data folder is laid out (`labels`, `columns`)."
        ),
    ] = None,
    outside: Annotated[
        bool, typer.Option("--outside", help="Allow clips outside of the data folder.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the findings for programs.")
    ] = False,
) -> None:
    """Decode every clip and show what scores may suffer from.

    Durations, sample rates, peaks, silence, clips that cannot be decoded, and recordings that occur
    twice: byte for byte, or encoded again, shifted by up to 0.25 s, louder or softer.
    """
    workspace = Workspace(out.absolute())
    make_writable(workspace)
    layout = read_grid(grid).options.layout if grid else LayoutConfig()
    layout = layout.model_copy(update={"outside": outside or layout.outside})
    dataset = read_data(data, RecordingHashes(workspace.recordings), layout)
    summary = _audit(workspace, dataset)
    if as_json:
        found = summary.model_dump(mode="json") | {"notes": list(dataset.notes)}
        console.print_plain(json.dumps(found, indent=2))
    else:
        audit_page.show(summary, dataset.notes, workspace.audit)


def _audit(workspace: Workspace, dataset: Dataset) -> AuditSummary:
    """Extract features of all clips unless they are there, and write the findings."""
    from jobs.audit.files import audit

    store, config = FeatureStore(workspace.features), FeatureConfig()
    shards = shards_of_sides(dataset)
    with owning(workspace.lock(INDEX.name)):
        for side, manifest in dataset.sides.items():
            extraction = Extraction(store, manifest, [config], shards[side])
            for shard in extraction.missing():
                extraction.extract(shard, cpus_available())
            extraction.index(cpus_available())
    with owning(workspace.lock(AUDIT.name)):
        sets = {side: store.open(manifest, config) for side, manifest in dataset.sides.items()}
        if not AuditSummary.current(workspace.audit, dataset, folders_of(sets)):
            audit(workspace.audit, dataset, sets)
        return AuditSummary.load(workspace.audit)


app = command(main)

if __name__ == "__main__":
    app()
