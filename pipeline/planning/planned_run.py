"""The runs of a plan: each entry of the grid, with folds once for each of them."""

from functools import cached_property
from typing import Any

from jobs.data.dataset import Dataset
from jobs.data.split import Split
from jobs.errors import InputError
from jobs.schema import Fingerprint, Schema
from jobs.train.config import RunConfig
from pipeline.planning.grid import Grid, GridEntry


class PlannedRun(Schema):
    """One run: its name, its folder's name, its settings, its fold.

    `entry` is the position in the grid of its hyper-parameter set, and `of` the name that the grid
    gave to that; with folds several runs share one.
    """

    name: str
    entry: int
    of: str
    signature: Fingerprint
    settings: dict[str, Any]
    fold: int = 0
    tier: str | None = None

    @cached_property
    def config(self) -> RunConfig:
        return RunConfig.parse(self.settings, f"run '{self.name}'")


def planned_runs(grid: Grid, dataset: Dataset, split: Split) -> tuple[PlannedRun, ...]:
    """Return the runs of a grid, those of one entry one behind the other.

    Raises:
        InputError: two of them are the same; folds make equal what differs only in `keep_by`.
    """
    runs = tuple(
        _planned(entry, position, dataset, number, split)
        for position, entry in enumerate(grid.entries)
        for number in range(len(split.folds))
    )
    seen: dict[str, PlannedRun] = {}
    for run in runs:
        before = seen.setdefault(run.signature, run)
        if before is not run:
            raise InputError(
                f"{grid.path}: with `folds`, '{before.name}' and '{run.name}' are the same, for "
                "`keep_by` is always `planned`; remove one"
            )
    return runs


def _planned(
    entry: GridEntry, position: int, dataset: Dataset, number: int, split: Split
) -> PlannedRun:
    fold, config, name = split.folds[number], entry.config, entry.name
    if len(split.folds) > 1:
        # Every fold has to have a model of the same epochs, chosen by none of its clips.
        config, name = config.but(keep_by="planned"), f"{name} fold {number + 1}"
    return PlannedRun(
        name=name,
        entry=position,
        of=entry.name,
        signature=config.signature(dataset.labelled_fingerprint, fold.fingerprint),
        settings=config.settings(),
        fold=number,
        tier=entry.tier,
    )
