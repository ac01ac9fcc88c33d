"""Join the shards to one FeatureSet: extract what is missing, verify the rest."""

import logging
from pathlib import Path

import numpy as np

from jobs.data.manifest import Manifest
from jobs.errors import DamagedFileError
from jobs.extract.config import FeatureConfig
from jobs.extract.extractor import extract_shards, replace_shards
from jobs.extract.feature_set import FeatureSet, write_index
from jobs.extract.shard import NO_ROW, PARTIAL, ShardName, read_columns, read_features

log = logging.getLogger(__name__)


def build_index(
    manifest: Manifest,
    config: FeatureConfig,
    shards: int,
    features_root: Path,
    cpus: int,
) -> None:
    """Make one FeatureSet of all shards, healing what is missing or damaged.

    Args:
        manifest: the clips that the shards must cover, each exactly once.
        config: settings of the features.
        shards: how many shards there are.
        features_root: where FeatureSets lie.
        cpus: for shards that must be extracted here.
    """
    folder = features_root / config.folder_name(manifest)
    shard_of = np.full(len(manifest), -1, dtype=np.int32)
    row_of = np.full(len(manifest), NO_ROW, dtype=np.int64)
    sizes = np.zeros(shards, dtype=np.int64)
    reasons: dict[int, str] = {}
    partial: list[int] = []
    for number in range(shards):
        name = ShardName(number, shards)
        _heal(manifest, config, name, features_root, cpus)
        columns = read_columns(folder / str(name))
        _require_once(columns.position, shard_of, name)
        shard_of[columns.position] = number
        row_of[columns.position] = columns.row
        sizes[number] = (folder / str(name)).stat().st_size
        partial += columns.positions_with(PARTIAL).tolist()
        bad = np.flatnonzero(columns.row == NO_ROW)
        reasons |= {int(columns.position[place]): columns.reason[place] for place in bad}
    if (shard_of < 0).any():
        raise AssertionError(f"clip {int(np.argmin(shard_of))} lies in no shard")
    write_index(FeatureSet(folder, config, shard_of, row_of, sizes, reasons, tuple(partial)))


def _heal(
    manifest: Manifest, config: FeatureConfig, name: ShardName, features_root: Path, cpus: int
) -> None:
    """Make sure that the shard is there and that every byte of it can be read."""
    if extract_shards(manifest, [config], name, features_root, cpus):
        log.warning("%s was missing and has been extracted by the index job", name)
    try:
        read_features(features_root / config.folder_name(manifest) / str(name))
    except DamagedFileError as error:
        log.warning("%s; it is extracted again", error)
        replace_shards(manifest, [config], name, features_root, cpus)


def _require_once(positions: np.ndarray, shard_of: np.ndarray, name: ShardName) -> None:
    doubled = positions[shard_of[positions] >= 0]
    if doubled.size:
        raise AssertionError(f"{name} holds clip {doubled[0]}, which another shard holds too")
