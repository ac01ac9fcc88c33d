"""What was made and where, in plain words, read from the files themselves."""

from collections.abc import Callable
from pathlib import Path

from jobs.audit.summary import AuditSummary
from jobs.data.workspace import Results
from jobs.errors import DamagedFileError
from jobs.extract.quarantine import Quarantine
from jobs.vote.ensemble import Ensemble
from jobs.vote.estimate.artefact import Estimate
from jobs.vote.vote import Vote
from jobs.words import count
from pipeline.pages import baselines, console, estimate_page
from pipeline.planning.plan import OpenedPlan
from pipeline.stages.estimate import ESTIMATE
from pipeline.stages.graph import missing_of
from pipeline.stages.vote import entries

SHOWN = 10


def show(opened: OpenedPlan) -> None:
    """Print features, runs, voters and results of a workspace."""
    _features(opened)
    _quarantine(opened)
    _audit(opened)
    _runs(opened)
    _vote(opened)
    _other_votes(opened)
    estimate(opened, estimate_page.show)


def _features(opened: OpenedPlan) -> None:
    console.heading("Features")
    for config in opened.plan.features:
        for side, manifest in opened.dataset.sides.items():
            folder = opened.store.folder(manifest, config)
            shards = list(folder.glob("shard-*.h5"))
            size = sum(path.stat().st_size for path in shards)
            console.say(
                f"  {config.features}: {list(config.shape)} for {count(len(manifest), 'clip')} "
                f"({side}) in {count(len(shards), 'shard')}, {size / 1e6:.1f} MB: {_short(folder)}"
            )


def _quarantine(opened: OpenedPlan) -> None:
    path = opened.workspace.quarantine
    if not path.exists():
        return
    # A clip that several feature sets could not read is one clip.
    rows = list({(row.subset, row.id): row for row in Quarantine.load(path).rows}.values())
    if not rows:
        return
    console.warn(f"{count(len(rows), 'clip')} cannot be decoded; {_short(path)} lists all of them")
    for row in rows[:SHOWN]:
        what = "the majority class stands in" if row.subset == "test" else "left out of training"
        console.say(f"  {row.path!r}: {row.reason} ({what})")
    if len(rows) > SHOWN:
        console.say(f"  ... and {len(rows) - SHOWN} more")


def _audit(opened: OpenedPlan) -> None:
    try:
        summary = AuditSummary.load(opened.workspace.audit)
    except (FileNotFoundError, DamagedFileError):
        return
    for sentence in summary.warnings:
        console.warn(f"{sentence}: see {_short(opened.workspace.audit)}")


def _runs(opened: OpenedPlan) -> None:
    console.heading("Runs")
    rows = []
    for number, planned in enumerate(opened.plan.runs):
        outcome = opened.run(number).outcome()
        if outcome is None:
            rows.append((planned.name, "–", "–", "not done", planned.signature))
            continue
        accuracy, reason = outcome.val_accuracy, outcome.reason
        if stopped := opened.ladder.stopped_at(planned.entry):
            reason = stopped.words
        shown = "–" if accuracy is None else f"{100 * accuracy:.1f} %"
        best = "–" if outcome.best_epoch is None else str(outcome.best_epoch)
        rows.append((planned.name, shown, best, reason, planned.signature))
    console.table(("run", "validation", "best epoch", "ended", "folder"), rows)
    console.say(f"  the folders lie in {_short(opened.workspace.run('x').parent)}")


def _vote(opened: OpenedPlan) -> None:
    workspace, plan = opened.workspace, opened.plan
    vote = Vote.among(opened.dataset, entries(opened), plan.vote)
    if not vote.is_held(workspace.results):
        if workspace.submission.exists():
            console.warn(f"{_short(workspace.submission)} is out of date: data or runs changed")
        return
    vote_of(opened, workspace.results)
    if said := baselines.sentence(opened, vote.candidates):
        console.say(f"  {said}")


def _other_votes(opened: OpenedPlan) -> None:
    """Warn of votes by other rules, or of one run, that data or runs have left behind."""
    voting = entries(opened)
    for path in sorted(opened.workspace.other_votes.glob("*/ensemble.json")):
        ensemble = Ensemble.load(path)
        if ensemble is None:
            continue
        run = ensemble.inputs.run
        theirs = [each for each in voting if not run or each.name == run]
        vote = Vote.among(opened.dataset, theirs, ensemble.inputs.rules, run)
        if not vote.is_held(Results(path.parent)):
            console.warn(
                f"{_short(path.parent)} is out of date: data or runs changed; `python -m "
                "pipeline.vote` with the same options votes again"
            )


def present_estimate(opened: OpenedPlan) -> Estimate | None:
    """Return the estimate, if there is one of the present vote."""
    found = Estimate.load(opened.workspace.estimate)
    return found if found is not None and not missing_of(opened, ESTIMATE) else None


def estimate(opened: OpenedPlan, show_it: Callable[[Estimate], None]) -> None:
    """Show the estimate, if there is one of the present vote."""
    if (found := present_estimate(opened)) is not None:
        show_it(found)


def vote_of(opened: OpenedPlan, results: Results) -> None:
    """Print who voted, and where the results of the vote lie."""
    ensemble = Ensemble.load(results.ensemble)
    assert ensemble is not None  # it is that of a vote which was held
    console.heading(f"{count(len(ensemble.voters), 'voter')}, best first")
    rows = [
        (v.run, str(v.epoch), str(v.times), f"{100 * v.val_accuracy:.1f} %", f"{v.val_loss:.4f}")
        for v in ensemble.voters
    ]
    console.table(("run", "epoch", "votes", "validation", "val loss"), rows)
    stopped = [each for each in ensemble.absent if each.stopped]
    if stopped:
        console.say(f"  {count(len(stopped), 'run')} stopped at a rung and did not vote")
    for absent in (each for each in ensemble.absent if not each.stopped):
        console.warn(f"run '{absent.run}' did not vote: {absent.reason}")
    _results(opened, results, ensemble.unreadable_test_clips)


def _results(opened: OpenedPlan, results: Results, unreadable: tuple[str, ...]) -> None:
    console.heading("Results")
    if not len(opened.dataset.test):
        console.say("  no test clips, so no submission.csv; the best checkpoints are named in")
        console.say(f"  {_short(results.ensemble)}")
        return
    console.say(f"  {_short(results.submission)}: {count(len(opened.dataset.test), 'test clip')}")
    console.say(f"  {_short(results.votes)}: who voted for what")
    console.say(f"  {_short(results.ensemble)}: which checkpoints, from which inputs")
    if unreadable:
        named = ", ".join(unreadable[:SHOWN]) + (" ..." if len(unreadable) > SHOWN else "")
        console.warn(
            f"{count(len(unreadable), 'test clip')} cannot be read (id {named}); the class with "
            "most labelled clips stands in"
        )


def _short(path: Path) -> Path:
    """Return the path relative to where we stand, if it lies below."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
