"""`python -m pipeline.export OUT --to DIR`: the ensemble as one folder that goes anywhere."""

import shutil
from pathlib import Path
from typing import Annotated

import typer

from jobs.data.workspace import Workspace
from jobs.errors import InputError
from jobs.files import write_text
from jobs.inference.bundle import CARD, ONNX, write_bundle, write_checksums
from jobs.inference.card import card
from jobs.inference.of_output import classifier_of, results_in
from jobs.inference.onnx_export import CHECKED, Graph, LeftOut, write_graphs
from jobs.temporaries import temporary_beside
from jobs.vote.estimate.artefact import Estimate
from jobs.words import count
from pipeline.command import command
from pipeline.pages import console
from pipeline.planning.plan import OpenedPlan
from pipeline.stages.estimate import ESTIMATE
from pipeline.stages.graph import missing_of


def main(
    out: Annotated[
        Path,
        typer.Argument(help="Output folder of a launch, or one of its ensembles/<rule>."),
    ],
    to: Annotated[Path, typer.Option(help="The folder to make; it must not exist.")],
    onnx: Annotated[
        bool, typer.Option("--onnx/--no-onnx", help="Write networks as ONNX files too.")
    ] = True,
) -> None:
    """Pack the ensemble with everything that `predict` needs: weights, settings, estimate, card.

    No pickle is in it, and every file has a checksum.
    """
    if to.exists():
        raise InputError(f"--to {to} exists already; name another folder, or remove it")
    workspace, results = results_in(out.absolute())
    opened = OpenedPlan.load(Workspace(workspace.root))
    classifier = classifier_of(results.folder)
    estimate = None
    if results.folder == workspace.root and not missing_of(opened, ESTIMATE):
        estimate = Estimate.load(workspace.estimate)
    # Under another name until all of it is there and checked.
    folder = temporary_beside(to.absolute())
    try:
        write_bundle(folder, classifier)
        graphs: list[Graph] = []
        left_out: list[LeftOut] = []
        if onnx:
            graphs, left_out = write_graphs(classifier, folder / ONNX, _validation_clips(opened))
        if estimate is not None:
            estimate.save(folder / workspace.estimate.name)
        text = card(opened.plan.grid, classifier, opened.dataset, estimate, graphs, left_out)
        write_text(folder / CARD, text)
        write_checksums(folder)
        folder.rename(to)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    _say(to, len(classifier.members), graphs, left_out)


def _validation_clips(opened: OpenedPlan) -> list[Path]:
    """Return recordings that validated, from all over the list."""
    positions = opened.split.folds[0].validation
    some = positions[:: max(1, len(positions) // CHECKED)]
    return [opened.dataset.labelled.file_of(position) for position in some]


def _say(to: Path, members: int, graphs: list[Graph], left_out: list[LeftOut]) -> None:
    size = sum(path.stat().st_size for path in to.rglob("*") if path.is_file())
    console.say(f"{to}: {count(members, 'model')}, {size / 1e6:,.1f} MB", style="green")
    for graph in graphs:
        console.say(
            f"  {ONNX}/{graph.name}: {graph.title}, probabilities within {graph.difference:.1e}"
        )
    for each in left_out:
        console.say(f"  no ONNX file for {each.title}: {each.reason}")
    console.say(f"  {to / CARD} says what it is; python -m pipeline.predict {to} CLIPS uses it")


app = command(main)

if __name__ == "__main__":
    app()
