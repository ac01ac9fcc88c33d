"""Which epochs' checkpoints a run keeps: the best ones, or those that were planned beforehand."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from jobs.train.recipe import OptionalPart

if TYPE_CHECKING:
    from jobs.train.checkpoint import Checkpoint
    from jobs.train.config import RunConfig


class PlannedCheckpoints(OptionalPart):
    """Keep epochs that no validation clip has chosen; so do the runs of a grid with folds."""

    keep_by: Literal["best", "planned"] = Field(
        "best",
        description="`best`: by validation; `planned`: the last epoch, and others spread over the "
        "last half. With `folds` always planned",
    )

    @property
    def is_on(self) -> bool:
        return self.keep_by == "planned"


def planned_epochs(epochs: int, keep: int) -> tuple[int, ...]:
    """Return the epochs whose checkpoints are kept: the last, and others over the last half.

    The same for every fold of a grid entry, so that the entry has a model for each of these epochs
    and fold. Five of fifty: 25, 31, 38, 44 and 50.

    Args:
        epochs: of the run.
        keep: how many at most.
    """
    first = (epochs + 1) // 2
    steps = max(keep - 1, 1)
    spread = {epochs - round((epochs - first) * k / steps) for k in range(keep)}
    return tuple(sorted(spread))


def kept(checkpoints: Sequence["Checkpoint"], config: "RunConfig") -> list["Checkpoint"]:
    """Return those that stay, best first.

    Args:
        checkpoints: of a run, the newest last. That one always stays where epochs are planned: a
            run that stops early stands in with its last.
        config: of the run.
    """
    ranked = sorted(checkpoints, key=lambda checkpoint: checkpoint.rank)
    planned = config.planned_epochs
    if planned is None:
        return ranked[: config.keep]
    wanted = {*planned, checkpoints[-1].epoch}
    return [checkpoint for checkpoint in ranked if checkpoint.epoch in wanted]
