"""From a plan and what lies in its output to everything that a report says."""

import contextlib
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, TypeVar

from jobs.data.dataset import LABELLED, TEST
from jobs.errors import DamagedFileError, NotReadyError
from jobs.extract.config import library_versions
from jobs.extract.quarantine import Quarantine
from jobs.files import read_json
from jobs.report.content import FORMAT, Circumstances, Data, Report, Results, Task
from jobs.report.leaderboard import PlannedEntry, curves, leaderboard
from jobs.train.augment.strengths import AUGMENT
from jobs.train.config import RunConfig
from jobs.train.history import History
from jobs.train.run import Run
from jobs.vote.estimate.artefact import Estimate
from jobs.vote.vote import Vote
from pipeline.planning.task_facts import TaskFacts
from pipeline.stages.audit import audited_features, current_audit
from pipeline.stages.vote import entries

if TYPE_CHECKING:
    from jobs.extract.store.feature_set import FeatureSet
    from pipeline.planning.plan import OpenedPlan
    from pipeline.stages.stage import AnyStage

MOST_QUARANTINED = 200
T = TypeVar("T")


def report_of(
    opened: "OpenedPlan", stages: "Sequence[AnyStage]", missing: list[str], made_from: str
) -> Report:
    """Gather all of it; what is not there yet is left out.

    Args:
        opened: the plan.
        stages: of the plan, in their order.
        missing: what is left to do, in words.
        made_from: fingerprint of the files that it is made of.
    """
    return Report(
        format=FORMAT,
        made_from=made_from,
        results=results_of(opened, complete=not missing),
        circumstances=_circumstances(opened, stages, missing),
    )


def results_of(opened: "OpenedPlan", complete: bool) -> Results:
    """Return what is the same whatever was killed on the way."""
    from jobs.report.clips_to_hear import most_disputed, most_wrong, to_check
    from jobs.report.judged import Judged, classes_of, confusion, ensemble_of
    from jobs.report.scatter import points_of

    dataset = opened.dataset
    vote = Vote.among(dataset, entries(opened), opened.plan.vote)
    judged = Judged(vote) if vote.candidates and vote.validated.ids else None
    table = confusion(judged, len(dataset.classes)) if judged else None
    voters = vote.voters if judged else []
    planned, estimate = _planned(opened), Estimate.load(opened.workspace.estimate)
    sets = feature_sets_to_look_at(opened)
    return Results(
        grid=opened.plan.grid,
        complete=complete,
        sentence=estimate.sentence if estimate else "",
        naive=estimate.chosen.naive if estimate else None,
        corrected=estimate.chosen.corrected if estimate else None,
        low=estimate.chosen.low if estimate else None,
        high=estimate.chosen.high if estimate else None,
        beside=estimate.beside if estimate else (),
        warnings=tuple(each.sentence for each in estimate.warnings) if estimate else (),
        assumed=estimate.assumed if estimate else (),
        classes=tuple(classes_of(dataset, table)),
        entries=tuple(leaderboard(planned, vote.candidates, voters)),
        curves=tuple(curves(planned, voters)),
        ensemble=ensemble_of(judged, table) if judged and table is not None else None,
        wrong=tuple(most_wrong(judged, dataset)) if judged else (),
        labels=tuple(to_check(opened.workspace.labels_to_check, dataset)),
        disagreeing=tuple(_if_there(lambda: most_disputed(vote, dataset), [])) if voters else (),
        points=tuple(_if_there(lambda: points_of(dataset, opened.split, sets), [])),
        data=_data(opened),
        settings=_settings(opened),
    )


def _if_there(make: Callable[[], T], otherwise: T) -> T:
    try:
        return make()
    except (FileNotFoundError, DamagedFileError, NotReadyError):
        return otherwise


def feature_sets_to_look_at(opened: "OpenedPlan") -> "dict[str, FeatureSet]":
    """Return the features in which clips are compared and drawn, of each side that has them."""
    config = audited_features(opened.plan)
    found = {}
    for side in (LABELLED, TEST):
        if side in opened.dataset.sides:
            clips = opened.dataset.sides[side]
            with contextlib.suppress(NotReadyError, DamagedFileError):
                found[side] = opened.store.open(clips, config)
    return found


def _planned(opened: "OpenedPlan") -> list[PlannedEntry]:
    runs = {entry.position: entry for entry in entries(opened)}
    first = {run.entry: run for run in reversed(opened.plan.runs)}
    settings = {position: _swept_settings(first[position].config) for position in runs}
    names = dict.fromkeys(name for each in settings.values() for name in each)
    # Those of which there are several values; what some do not have says nothing of them.
    differing = [
        name
        for name in names
        if len({str(each[name]) for each in settings.values() if name in each}) > 1
    ]
    return [
        PlannedEntry(
            name=entry.name,
            settings=_plain(
                {k: settings[position][k] for k in differing if k in settings[position]}
            ),
            epochs=first[position].config.epochs,
            runs=entry.runs,
            stopped=entry.stopped,
        )
        for position, entry in sorted(runs.items())
    ]


def _swept_settings(config: RunConfig) -> dict[str, Any]:
    """Return a run's settings as a grid sweeps them: a strength is one, not ten."""
    found = config.settings()
    if config.augmentations and config.strength:
        for part in config.augmentations:
            found = {k: v for k, v in found.items() if k not in type(part).model_fields}
    return found | ({AUGMENT: config.strength} if config.strength else {})


def _plain(settings: dict[str, Any]) -> dict[str, Any]:
    """Return settings of which each is a number, a text or a truth."""
    simple = (int, float, str, bool, type(None))
    return {k: v if isinstance(v, simple) else str(v) for k, v in settings.items()}


def _data(opened: "OpenedPlan") -> Data:
    dataset, workspace = opened.dataset, opened.workspace
    audit = current_audit(opened)
    none = Quarantine(())
    quarantine = _if_there(lambda: Quarantine.load(workspace.quarantine), none)
    quarantined = dict.fromkeys((row.path, row.reason) for row in quarantine.rows)
    validation = {position for fold in opened.split.folds for position in fold.validation}
    return Data(
        folder=str(dataset.root),
        labelled=len(dataset.labelled),
        test=len(dataset.test),
        validation=len(validation),
        quarantine=tuple(quarantined)[:MOST_QUARANTINED],
        warnings=audit.warnings if audit else (),
    )


def _settings(opened: "OpenedPlan") -> dict[str, Any]:
    plan = opened.plan
    return {
        "command": f"python -m pipeline.launch --grid {plan.grid}.yaml --data {plan.data}",
        "entries": list(dict.fromkeys(run.of for run in plan.runs)),
        "voting": plan.vote.model_dump(mode="json"),
        "splitting": plan.split.model_dump(mode="json"),
        "labelled_clips": plan.labelled_fingerprint,
        "test_clips": plan.test_fingerprint,
        "features": list(plan.feature_folders),
        "runs": {run.name: run.signature for run in plan.runs},
    }


def _circumstances(
    opened: "OpenedPlan", stages: "Sequence[AnyStage]", missing: list[str]
) -> Circumstances:
    seconds: dict[str, float] = {}
    hardware: dict[str, None] = {}
    for number, run in enumerate(opened.plan.runs):
        seconds[run.name] = _seconds(opened.run(number))
        hardware[_hardware(opened.run(number))] = None
    return Circumstances(
        made=round(time.time(), 1),
        tasks=tuple(tasks_of(opened, stages)),
        training_s=seconds,
        hardware=tuple(each for each in hardware if each),
        versions=library_versions() | {"torch": version("torch")},
        missing=tuple(missing),
    )


def _seconds(run: Run) -> float:
    try:
        return round(sum(row.seconds for row in History.load(run.history).rows), 1)
    except (DamagedFileError, OSError):
        return 0.0


def _hardware(run: Run) -> str:
    """Return what a run found and chose, in a line; "" if it has not begun."""
    try:
        return ", ".join(f"{k} {v}" for k, v in sorted(read_json(run.hardware).items()))
    except (OSError, DamagedFileError, AttributeError):
        return ""


def tasks_of(opened: "OpenedPlan", stages: "Sequence[AnyStage]") -> list[Task]:
    """Return what is known of each task: its latest life.

    It waited from when it was submitted, or from when the stage before it had ended.
    """
    facts = {
        key: found.attempts[-1]
        for key, found in TaskFacts.load_all(opened.workspace).items()
        # Of another plan, an item was something else.
        if found.attempts and found.attempts[-1].plan == opened.plan.identity
    }
    ends: dict[str, float] = {}
    for (name, _), known in facts.items():
        ends[name] = max(ends.get(name, 0.0), known.ended)
    found = []
    for stage in stages:
        ready = max((ends.get(each.name, 0.0) for each in stage.before()), default=0.0)
        for item in range(stage.total(opened)):
            attempt = facts.get((stage.name, item))
            if attempt is None:
                continue
            since = max(attempt.submitted, ready) if attempt.submitted else None
            found.append(
                Task(
                    stage=stage.name,
                    title=stage.title(opened, item),
                    host=attempt.host,
                    started=attempt.started,
                    ended=attempt.ended,
                    waited_s=None if since is None else round(max(0, attempt.started - since), 1),
                    restarts=attempt.restarts,
                    memory_gb=attempt.memory_gb,
                    memory_asked_gb=attempt.memory_asked_gb,
                )
            )
    return found
