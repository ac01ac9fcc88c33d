"""What was made and where, in plain words, read from the files themselves."""

import csv
from pathlib import Path

from jobs.errors import DamagedFileError
from jobs.files import read_json
from jobs.train.run import Run
from jobs.vote.ensemble import Ballot, is_voted
from pipeline import console
from pipeline.plan import OpenedPlan

SHOWN = 10


def show(opened: OpenedPlan) -> None:
    """Print features, runs, voters and results of a workspace."""
    _features(opened)
    _quarantine(opened)
    _audit(opened)
    _runs(opened)
    _vote(opened)


def _features(opened: OpenedPlan) -> None:
    console.heading("Features")
    for config, name in zip(opened.plan.features, opened.plan.feature_folders, strict=True):
        folder = opened.workspace.features(name)
        shards = list(folder.glob("shard-*.h5"))
        size = sum(path.stat().st_size for path in shards)
        console.say(
            f"  {config.features}: {list(config.shape)} for {len(opened.manifest)} clips in "
            f"{len(shards)} shards, {size / 1e6:.1f} MB: {_short(folder)}"
        )


def _quarantine(opened: OpenedPlan) -> None:
    path = opened.workspace.quarantine
    if not path.exists():
        return
    with path.open(encoding="utf-8", newline="") as file:
        # A clip that several feature sets could not read is one clip.
        rows = list({(row["subset"], row["id"]): row for row in csv.DictReader(file)}.values())
    if not rows:
        return
    console.warn(f"{len(rows)} clips cannot be decoded; all of them are in {_short(path)}")
    for row in rows[:SHOWN]:
        what = "the majority class stands in" if row["subset"] == "test" else "left out of training"
        console.say(f"  {row['path']!r}: {row['reason']} ({what})")
    if len(rows) > SHOWN:
        console.say(f"  ... and {len(rows) - SHOWN} more")


def _audit(opened: OpenedPlan) -> None:
    folder = opened.workspace.audit
    try:
        warnings = read_json(folder / "audit.json")["warnings"]
    except (FileNotFoundError, DamagedFileError, KeyError):
        return
    for sentence in warnings:
        console.warn(f"{sentence}: see {_short(folder)}")


def _runs(opened: OpenedPlan) -> None:
    console.heading("Runs")
    rows = []
    for planned in opened.plan.runs:
        outcome = Run(opened.workspace.run(planned.signature)).outcome()
        if outcome is None:
            rows.append((planned.name, "–", "–", "not done", planned.signature))
            continue
        accuracy = outcome["val_accuracy"]
        shown = "–" if accuracy is None else f"{100 * accuracy:.1f} %"
        best = "–" if outcome["best_epoch"] is None else str(outcome["best_epoch"])
        rows.append((planned.name, shown, best, outcome["reason"], planned.signature))
    console.table(("run", "validation", "best epoch", "ended", "folder"), rows)
    console.say(f"  the folders lie in {_short(opened.workspace.run('x').parent)}")


def _vote(opened: OpenedPlan) -> None:
    workspace, plan = opened.workspace, opened.plan
    ballot = Ballot.draw(opened.manifest, plan.contenders(workspace), plan.votes)
    if not is_voted(workspace, ballot):
        if workspace.submission.exists():
            console.warn(f"{_short(workspace.submission)} is of an earlier state of data or runs")
        return
    ensemble = read_json(workspace.ensemble)
    console.heading(f"The {len(ensemble['voters'])} checkpoints that voted, best first")
    rows = [
        (v["run"], str(v["epoch"]), f"{100 * v['val_accuracy']:.1f} %", f"{v['val_loss']:.4f}")
        for v in ensemble["voters"]
    ]
    console.table(("run", "epoch", "validation", "val loss"), rows)
    for missing in ensemble["missing_runs"]:
        console.warn(f"run '{missing['run']}' did not vote: {missing['reason']}")
    _results(opened, ensemble["unreadable_test_clips"])


def _results(opened: OpenedPlan, unreadable: list[str]) -> None:
    workspace = opened.workspace
    console.heading("Results")
    if not opened.manifest.test:
        console.say("  no test clips, so no submission.csv; the best checkpoints are named in")
        console.say(f"  {_short(workspace.ensemble)}")
        return
    console.say(f"  {_short(workspace.submission)}: {len(opened.manifest.test)} test clips")
    console.say(f"  {_short(workspace.votes)}: who voted for what")
    console.say(f"  {_short(workspace.ensemble)}: which checkpoints, from which inputs")
    if unreadable:
        named = ", ".join(unreadable[:SHOWN]) + (" ..." if len(unreadable) > SHOWN else "")
        console.warn(
            f"{len(unreadable)} test clips cannot be read and got the class with most training "
            f"clips: {named}"
        )


def _short(path: Path) -> Path:
    """Return the path relative to where we stand, if it lies below."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
