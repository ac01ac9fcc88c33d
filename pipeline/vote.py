"""`python -m pipeline.vote`: vote again over a finished output, or over submission files."""

from pathlib import Path
from typing import Annotated, Any

import typer

from jobs.data.layouts.lookalikes import differing_in_case
from jobs.data.workspace import Results, Workspace
from jobs.errors import InputError
from jobs.ownership import owning
from jobs.schema import nearest
from jobs.vote.candidates import Entry
from jobs.vote.rules import CHOOSE, COMBINE, VoteRules
from jobs.vote.submissions import Submission, write_vote
from jobs.vote.vote import hold_vote
from jobs.words import count
from pipeline.command import command
from pipeline.pages import console, estimate_page, summary
from pipeline.planning.plan import OpenedPlan
from pipeline.stages.estimate import ESTIMATE
from pipeline.stages.vote import VOTE, entries

DEFAULT_OUT = Path("voted.csv")


def main(
    paths: Annotated[
        list[Path],
        typer.Argument(help="Output folder of a launch, or two or more submission files (CSV)."),
    ],
    choose: Annotated[
        str | None, typer.Option(help=f"Which checkpoints vote: {', '.join(CHOOSE)}.")
    ] = None,
    combine: Annotated[
        str | None, typer.Option(help=f"How votes are combined: {', '.join(COMBINE)}.")
    ] = None,
    votes: Annotated[int | None, typer.Option(help="How many checkpoints vote.")] = None,
    per_run: Annotated[
        int | None, typer.Option(help="For best-per-run: at most so many checkpoints of a run.")
    ] = None,
    run: Annotated[str | None, typer.Option(help="One run alone, by its name.")] = None,
    out: Annotated[
        Path | None,
        typer.Option(help=f"For submission files: where the result goes (default: {DEFAULT_OUT})."),
    ] = None,
) -> None:
    """Vote by another rule than the grid's; the output's own submission.csv stays as it is.

    No run is trained and no clip is predicted: everything is read from stored predictions.
    """
    if any(path.is_dir() for path in paths) and len(paths) > 1:
        raise InputError("give one output folder, or two or more submission files")
    asked = {"choose": choose, "combine": combine, "votes": votes, "per_run": per_run}
    given = {name: value for name, value in asked.items() if value is not None}
    if len(paths) == 1 and not paths[0].is_file():
        if out is not None:
            raise InputError("--out is for submission files; an output keeps its votes itself")
        _again(Workspace(paths[0].absolute()), given, run)
        return
    if given or run is not None:
        raise InputError("submission files have no checkpoints to choose from; give them alone")
    if len(paths) < 2:
        raise InputError("give an output folder, or two or more submission files")
    if len({path.resolve() for path in paths}) < len(paths):
        raise InputError("a file is named twice; each votes once")
    _over_files(paths, out or DEFAULT_OUT)


def _again(workspace: Workspace, given: dict[str, Any], name: str | None) -> None:
    opened = OpenedPlan.load(workspace)
    rules = VoteRules.checked(opened.plan.vote.model_dump() | given, "the options of the vote")
    voting = entries(opened)
    folder = workspace.other_votes / rules.name
    if name is not None:
        voting = [_named(name, voting)]
        folder = folder.with_name(f"{rules.name}-of-{voting[0].signature}")
    is_grids = rules == opened.plan.vote and name is None
    results = workspace.results if is_grids else Results(folder)
    with owning(workspace.lock(VOTE.name)):
        hold_vote(results, opened.dataset, voting, rules, voting[0].name if name else "")
    summary.vote_of(opened, results)
    if name is not None:
        console.say(
            "  no estimate is made of one run alone; if you pick a run for its validation score, "
            "that score includes the luck of the choice"
        )
        return
    # Whoever has seen several results has chosen among them, and is told what that is worth.
    for item in ESTIMATE.missing(opened):
        ESTIMATE.do(opened, item, cpus=1)
    summary.estimate(opened, estimate_page.show)


def _named(name: str, voting: list[Entry]) -> Entry:
    """Return the run of a name, as the grid or its folder has it."""
    for entry in voting:
        if name in (entry.name, entry.signature):
            return entry
    raise InputError(f"there is no such run; {nearest(name, [entry.name for entry in voting])}")


def _over_files(paths: list[Path], out: Path) -> None:
    table = out.with_name(f"{out.stem}-votes.csv")
    for path in (out, table):
        if path.exists():
            raise InputError(f"{path} is there already; choose another --out or remove it")
    submissions = [Submission.load(path) for path in paths]
    labels = {label for each in submissions for label in each.labels.values()}
    for note in differing_in_case(sorted(labels)):
        console.warn(note)
    write_vote(out, table, submissions)
    clips = count(len(submissions[0].labels), "clip")
    console.say(f"{out}: {clips}, each by a vote of {count(len(paths), 'file')}")
    console.say(f"{table}: who voted for what")


app = command(main)

if __name__ == "__main__":
    app()
