"""What belongs to a grid and not to a run: data, split, vote, limits; flat in YAML, parts here."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import Field

from jobs.data.layouts.config import LayoutConfig
from jobs.data.split import SplitConfig
from jobs.extract.quarantine import Limits
from jobs.schema import Schema
from jobs.train.halving import Halving
from jobs.vote.rules import VoteRules


class LaunchOptions(Schema):
    """What a launch needs to know beside the runs."""

    data: str | None = Field(None, description="data folder; --data wins")
    shards: int | None = Field(
        None, ge=1, le=99_999, description="files of labelled clips; default: one for each 500"
    )
    runs_per_gpu: int = Field(1, ge=1, le=64, description="runs that share one job and its GPU")
    data_gb: float | None = Field(
        None, gt=0, description="memory for a run's features, 10^9 bytes; default: half of the free"
    )


@dataclass(frozen=True)
class GridOptions:
    """What belongs to the grid and not to a run."""

    launch: LaunchOptions
    layout: LayoutConfig
    split: SplitConfig
    vote: VoteRules
    limits: Limits
    halving: Halving

    @classmethod
    def setting_names(cls) -> tuple[str, ...]:
        return tuple(name for part in _PARTS.values() for name in part.model_fields)

    @classmethod
    def parse(cls, values: dict[str, Any], where: Callable[[str], str]) -> "GridOptions":
        """Give each part those of the flat `values` that are its own.

        Raises:
            InputError: a wrong value.
        """
        parts: dict[str, Any] = {
            name: part.checked({k: v for k, v in values.items() if k in part.model_fields}, where)
            for name, part in _PARTS.items()
        }
        return cls(**parts)


_PARTS: dict[str, type[Schema]] = {
    "launch": LaunchOptions, "layout": LayoutConfig, "split": SplitConfig, "vote": VoteRules,
    "limits": Limits, "halving": Halving,
}  # fmt: skip
