"""The rules of a vote: who votes, and how the votes become one answer. A rule is one function."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from pydantic import Field, field_validator

from jobs.schema import Schema, nearest
from jobs.vote.rules.best import best
from jobs.vote.rules.best_per_run import best_per_run
from jobs.vote.rules.greedy import greedy
from jobs.vote.rules.hard import hard
from jobs.vote.rules.soft import soft

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from jobs.vote.ranking import Ranking

# Positions of the chosen candidates; one that appears twice votes twice.
Choose = Callable[["Ranking", "VoteRules"], list[int]]
Combine = Callable[["npt.NDArray[np.float64]", "npt.NDArray[np.bool_]"], "npt.NDArray[np.int64]"]

CHOOSE: dict[str, Choose] = {"best": best, "best-per-run": best_per_run, "greedy": greedy}
COMBINE: dict[str, Combine] = {"hard": hard, "soft": soft}


class VoteRules(Schema):
    """Who votes and how votes are combined."""

    votes: int = Field(5, ge=1, le=1000, description="checkpoints that vote; not of `greedy`")
    choose: str = Field("best", description=f"which checkpoints vote: {', '.join(CHOOSE)}")
    per_run: int = Field(1, ge=1, le=1000, description="of `best-per-run`: so many of each run")
    combine: str = Field("hard", description=f"how votes are combined: {', '.join(COMBINE)}")

    @field_validator("choose")
    @classmethod
    def _choose_is_known(cls, name: str) -> str:
        return _require_known(name, CHOOSE)

    @field_validator("combine")
    @classmethod
    def _combine_is_known(cls, name: str) -> str:
        return _require_known(name, COMBINE)

    @property
    def name(self) -> str:
        """As folders and tables call it: `best-5-hard`, `best-per-run-5-1-soft`, `greedy-soft`."""
        bounds = {"best": [self.votes], "best-per-run": [self.votes, self.per_run]}
        return "-".join(map(str, [self.choose, *bounds.get(self.choose, []), self.combine]))


def _require_known(name: str, rules: Mapping[str, object]) -> str:
    if name not in rules:
        raise ValueError(f"there is no such rule; {nearest(name, rules)}")
    return name
