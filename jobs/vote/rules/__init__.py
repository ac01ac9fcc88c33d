"""The rules of a vote: who votes, and how the votes become one answer. A rule is one function."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from pydantic import Field, field_validator

from jobs.schema import Schema, nearest
from jobs.vote.rules.best import best
from jobs.vote.rules.hard import hard
from jobs.vote.rules.soft import soft

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from jobs.vote.candidates import Candidate

Choose = Callable[["Sequence[Candidate]", int], "list[Candidate]"]
Combine = Callable[["npt.NDArray[np.float64]", "npt.NDArray[np.bool_]"], "npt.NDArray[np.int64]"]

CHOOSE: dict[str, Choose] = {"best": best}
COMBINE: dict[str, Combine] = {"hard": hard, "soft": soft}


class VoteRules(Schema):
    """Who votes and how votes are combined."""

    votes: int = Field(5, ge=1, le=1000, description="checkpoints that vote")
    choose: str = Field("best", description=f"which checkpoints vote: {', '.join(CHOOSE)}")
    combine: str = Field("hard", description=f"how votes are combined: {', '.join(COMBINE)}")

    @field_validator("choose")
    @classmethod
    def _choose_is_known(cls, name: str) -> str:
        return _require_known(name, CHOOSE)

    @field_validator("combine")
    @classmethod
    def _combine_is_known(cls, name: str) -> str:
        return _require_known(name, COMBINE)


def _require_known(name: str, rules: dict[str, Choose] | dict[str, Combine]) -> str:
    if name not in rules:
        raise ValueError(f"there is no such rule; {nearest(name, rules)}")
    return name
