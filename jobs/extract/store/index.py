"""Join the shards of one FeatureSet."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from jobs.data.manifest import Manifest
from jobs.extract.clip_features import PARTIAL
from jobs.extract.config import FeatureConfig
from jobs.extract.store.feature_set import FeatureSet
from jobs.extract.store.shard import NO_ROW, ShardName, read_columns


def joined(folder: Path, manifest: Manifest, config: FeatureConfig, shards: int) -> FeatureSet:
    """Return one FeatureSet of all shards in `folder`, which must hold each clip exactly once.

    Args:
        folder: where the shards lie; each is current.
        manifest: the clips.
        config: settings of the features.
        shards: how many shards there are.
    """
    shard_of = np.full(len(manifest), -1, dtype=np.int32)
    row_of = np.full(len(manifest), NO_ROW, dtype=np.int64)
    sizes = np.zeros(shards, dtype=np.int64)
    reasons: dict[int, str] = {}
    partial: list[int] = []
    for number in range(shards):
        name = ShardName(number, shards)
        columns = read_columns(folder / str(name))
        _require_once(columns.position, shard_of, name)
        shard_of[columns.position] = number
        row_of[columns.position] = columns.row
        sizes[number] = (folder / str(name)).stat().st_size
        partial += columns.positions_with(PARTIAL).tolist()
        bad = np.flatnonzero(columns.row == NO_ROW)
        reasons |= {int(columns.position[offset]): columns.reason[offset] for offset in bad}
    if (shard_of < 0).any():
        raise AssertionError(f"clip {int(np.argmin(shard_of))} lies in no shard")
    return FeatureSet(folder, config, shard_of, row_of, sizes, reasons, tuple(partial))


def _require_once(
    positions: npt.NDArray[np.int64], shard_of: npt.NDArray[np.int32], name: ShardName
) -> None:
    doubled = positions[shard_of[positions] >= 0]
    if doubled.size:
        raise AssertionError(f"{name} holds clip {doubled[0]}, which another shard holds too")
