"""Extract: MP3s to features in HDF5, a shard an item."""

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from jobs.extract.store.shard import ShardName
from pipeline.planning.resources import Resources
from pipeline.stages.stage import Space, Stage

if TYPE_CHECKING:
    from pipeline.planning.plan import OpenedPlan

log = logging.getLogger(__name__)


class Extract(Stage):
    """Items are the shards of the labelled clips, then those of the test clips."""

    name = "extract"
    does = "MP3 to features in HDF5"
    script = "extract"
    default = Resources(cpus=4, mem_gb=8, timeout_min=120)

    def total(self, opened: "OpenedPlan") -> int:
        return sum(opened.plan.shards.values())

    def missing(self, opened: "OpenedPlan") -> list[int]:
        missing: list[int] = []
        first = 0
        for extraction in opened.extractions.values():
            missing += [first + shard for shard in extraction.missing()]
            first += extraction.shards
        return missing

    def title(self, opened: "OpenedPlan", item: int) -> str:
        side, shard = _side_and_shard(opened, item)
        return f"shard {shard} of {opened.plan.shards[side]} of the {side} clips"

    def do(self, opened: "OpenedPlan", item: int, cpus: int) -> None:
        side, shard = _side_and_shard(opened, item)
        for config in opened.extractions[side].extract(shard, cpus):
            log.info("%s: %s is done", config.features, self.title(opened, item))

    def space(self, opened: "OpenedPlan", items: Sequence[int]) -> Space:
        per_clip = sum(config.bytes_per_clip for config in opened.plan.features)
        clips = sum(len(_clips(opened, item)) for item in items)
        return Space(bytes=per_clip * clips, files=5 * len(items))


def _side_and_shard(opened: "OpenedPlan", item: int) -> tuple[str, int]:
    for side, count in opened.plan.shards.items():
        if item < count:
            return side, item
        item -= count
    raise IndexError(f"there is no shard {item}")


def _clips(opened: "OpenedPlan", item: int) -> range:
    side, shard = _side_and_shard(opened, item)
    extraction = opened.extractions[side]
    return ShardName(shard, extraction.shards).positions(len(extraction.manifest))


EXTRACT = Extract()
