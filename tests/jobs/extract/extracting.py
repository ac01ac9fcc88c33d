"""Extraction of a few clips into a few shards, as tests do it."""

from collections.abc import Sequence
from pathlib import Path

from jobs.data.manifest import Manifest
from jobs.extract.config import FeatureConfig
from jobs.extract.extraction import Extraction
from jobs.extract.store.feature_set import FeatureSet
from jobs.extract.store.feature_store import FeatureStore
from jobs.extract.store.shard import ShardName

CONFIG = FeatureConfig(seconds=0.5, n_fft=512, n_mels=16)
SHARDS = 3


def extraction_of(
    manifest: Manifest,
    root: Path,
    configs: Sequence[FeatureConfig] = (CONFIG,),
    shards: int = SHARDS,
) -> Extraction:
    return Extraction(FeatureStore(root), manifest, configs, shards)


def extract(manifest: Manifest, root: Path, cpus: int = 1, shards: int = SHARDS) -> list[Path]:
    of = extraction_of(manifest, root, shards=shards)
    for shard in range(shards):
        of.extract(shard, cpus)
    folder = of.store.folder(manifest, CONFIG)
    return [folder / str(ShardName(k, shards)) for k in range(shards)]


def index(manifest: Manifest, root: Path) -> FeatureSet:
    of = extraction_of(manifest, root)
    of.index(1)
    assert of.is_complete()
    return of.store.open(manifest, CONFIG)


def shard_of(manifest: Manifest, root: Path, config: FeatureConfig, shards: int = SHARDS) -> Path:
    return FeatureStore(root).folder(manifest, config) / str(ShardName(0, shards))
