"""Join the shards to one FeatureSet: extract what is missing, verify the rest, list the bad."""

import csv
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from jobs.data.manifest import Clip, Manifest
from jobs.errors import DamagedFileError, InputError, NotReadyError
from jobs.extract.config import FeatureConfig
from jobs.extract.extractor import extract_shard, replace_shard
from jobs.extract.feature_set import FeatureSet, write_index
from jobs.extract.shard import NO_ROW, ShardName, read_columns, read_features
from jobs.files import write_csv

log = logging.getLogger(__name__)

QUARANTINE_HEADER = ("subset", "id", "path", "label", "features", "reason")


@dataclass(frozen=True)
class Quarantined:
    """A clip without features, and the decoder's reason."""

    clip: Clip
    features: str
    reason: str


def build_index(
    manifest: Manifest,
    config: FeatureConfig,
    shards: int,
    features_root: Path,
    cpus: int,
    training: Sequence[int] | None = None,
) -> None:
    """Make one FeatureSet of all shards, healing what is missing or damaged.

    Args:
        manifest: the clips that the shards must cover, each exactly once.
        config: settings of the features.
        shards: how many shards there are.
        features_root: where FeatureSets lie.
        cpus: for shards that must be extracted here.
        training: positions of the clips that train; None for all labelled ones.

    Raises:
        InputError: a class has no readable training clip left.
    """
    folder = features_root / config.folder_name(manifest)
    shard_of = np.full(len(manifest), -1, dtype=np.int32)
    row_of = np.full(len(manifest), NO_ROW, dtype=np.int64)
    sizes = np.zeros(shards, dtype=np.int64)
    reasons: dict[int, str] = {}
    for index in range(shards):
        name = ShardName(index, shards)
        _heal(manifest, config, name, features_root, cpus)
        columns = read_columns(folder / str(name))
        _require_once(columns.position, shard_of, name)
        shard_of[columns.position] = index
        row_of[columns.position] = columns.row
        sizes[index] = (folder / str(name)).stat().st_size
        for place in np.flatnonzero(columns.row == NO_ROW):
            reasons[int(columns.position[place])] = columns.reason[place]
    if (shard_of < 0).any():
        raise AssertionError(f"clip {int(np.argmin(shard_of))} lies in no shard")
    _require_every_class(manifest, row_of, training)
    write_index(folder, shard_of, row_of, sizes, reasons)


def list_quarantined(
    manifest: Manifest, config: FeatureConfig, features_root: Path
) -> list[Quarantined]:
    """Return the clips of an indexed FeatureSet that have no features, in manifest order."""
    reasons = FeatureSet.open(features_root, manifest, config).reasons
    return [
        Quarantined(manifest.clips[position], config.features, reason)
        for position, reason in reasons.items()
    ]


def _heal(
    manifest: Manifest, config: FeatureConfig, name: ShardName, features_root: Path, cpus: int
) -> None:
    """Make sure that the shard is there and that every byte of it can be read."""
    path = features_root / config.folder_name(manifest) / str(name)
    if extract_shard(manifest, config, name, features_root, cpus):
        log.warning("%s was missing and has been extracted by the index job", name)
    try:
        read_features(path)
    except DamagedFileError as error:
        log.warning("%s; it is extracted again", error)
        replace_shard(manifest, config, name, features_root, cpus)


def _require_once(positions: np.ndarray, shard_of: np.ndarray, name: ShardName) -> None:
    doubled = positions[shard_of[positions] >= 0]
    if doubled.size:
        raise AssertionError(f"{name} holds clip {doubled[0]}, which another shard holds too")


def _require_every_class(
    manifest: Manifest, row_of: np.ndarray, training: Sequence[int] | None
) -> None:
    positions = np.array(range(len(manifest.labelled)) if training is None else training)
    labels = np.array(manifest.labels(positions.tolist()))
    readable = np.bincount(labels[row_of[positions] != NO_ROW], minlength=len(manifest.classes))
    for label, count in zip(manifest.classes, readable, strict=True):
        if count == 0:
            raise InputError(
                f"no clip of class '{label}' can be decoded of those that train; replace the "
                f"files (the class has {manifest.class_counts[label]}) or leave the class out"
            )


def write_quarantine(path: Path, quarantined: list[Quarantined]) -> None:
    """Write quarantine.csv; with no bad clip it has its header alone."""
    write_csv(path, QUARANTINE_HEADER, _rows(quarantined))


def is_quarantine_written(path: Path, quarantined: list[Quarantined]) -> bool:
    """Tell whether quarantine.csv lists just these clips."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return list(csv.reader(file)) == [list(QUARANTINE_HEADER), *_rows(quarantined)]
    except (OSError, UnicodeDecodeError, csv.Error):
        return False


def _rows(quarantined: list[Quarantined]) -> list[list[str]]:
    return [
        [q.clip.subset, q.clip.id, q.clip.path, q.clip.label or "", q.features, q.reason]
        for q in quarantined
    ]


def is_indexed(features_root: Path, manifest: Manifest, config: FeatureConfig) -> bool:
    """Tell whether a FeatureSet of this data and these settings is complete."""
    try:
        FeatureSet.open(features_root, manifest, config)
    except (NotReadyError, DamagedFileError):
        return False
    return True
