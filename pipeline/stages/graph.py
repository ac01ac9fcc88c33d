"""All stages in their order, and what is left to do of each.

A new stage of a launch is an import and an entry in `STAGES`, after the stage that it waits for.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from pipeline.stages.audit import AUDIT
from pipeline.stages.classify import CLASSIFY, COLLECT
from pipeline.stages.estimate import ESTIMATE
from pipeline.stages.extract import EXTRACT
from pipeline.stages.index import INDEX
from pipeline.stages.predict import PREDICT
from pipeline.stages.report import REPORT
from pipeline.stages.rungs import RUNGS
from pipeline.stages.stage import AnyStage, Opened, Stage, StageOf, Work
from pipeline.stages.train import TRAIN
from pipeline.stages.vote import VOTE

if TYPE_CHECKING:
    from pipeline.planning.plan import OpenedPlan
    from pipeline.planning.prediction import OpenedPrediction

STAGES: tuple[Stage, ...] = (EXTRACT, INDEX, AUDIT, TRAIN, *RUNGS, PREDICT, VOTE, ESTIMATE, REPORT)
# Of `python -m pipeline.predict --executor slurm`, which has a plan of its own.
PREDICTION: tuple[StageOf["OpenedPrediction"], ...] = (CLASSIFY, COLLECT)


def stage_named(name: str) -> AnyStage:
    """Return the stage of that name, of a launch or of a prediction."""
    known: tuple[AnyStage, ...] = (*STAGES, *PREDICTION)
    return next(stage for stage in known if stage.name == name)


def stages_of(script: str) -> list[Stage]:
    """Return the stages that slurm/<script>.sbatch does, or the one stage of that name."""
    found = [stage for stage in STAGES if stage.script == script]
    return found or [stage for stage in STAGES if stage.name == script]


def stages_of_plan(opened: "OpenedPlan") -> list[Stage]:
    """Return the stages that a plan has, in their order."""
    return [stage for stage in STAGES if stage.is_part_of(opened)]


def remaining(opened: "OpenedPlan") -> list[Work]:
    """Return all stages of a launch with what is missing on disk, in their order."""
    return missing_work(opened, stages_of_plan(opened))


def missing_work(opened: Opened, stages: Sequence[AnyStage]) -> list[Work]:
    """Return stages with what is missing on disk.

    Args:
        opened: the plan.
        stages: that it has, each after those that it waits for.
    """
    opened = replace(opened)  # what it remembers of the files may be old
    found: dict[str, Work] = {}
    for stage in stages:
        total = stage.total(opened)
        missing = tuple(stage.missing(opened)) if total else ()
        items = missing
        # What is missing now says nothing of what training will have changed by then.
        if stage.repeats and any(
            found[each.name].items for each in stage.before() if each.name in found
        ):
            items = tuple(range(total))
        repeated = tuple(item for item in items if item not in missing)
        found[stage.name] = Work(stage, items, total, repeated)
    return list(found.values())


def missing_of(opened: Opened, stage: AnyStage) -> tuple[int, ...]:
    """Return the items of one stage that are missing on disk."""
    return tuple(stage.missing(replace(opened))) if stage.total(opened) else ()
