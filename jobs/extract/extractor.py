"""Make one shard of each feature set: decode each clip once, or take its rows from older shards."""

import contextlib
from collections.abc import Sequence
from pathlib import Path

from jobs.data.manifest import Manifest
from jobs.extract.clip_results import clip_results
from jobs.extract.config import FeatureConfig
from jobs.extract.known_rows import KnownRows
from jobs.extract.shard import ShardName, is_complete
from jobs.extract.shard_writer import writing_shard
from jobs.progress import Progress


def extract_shards(
    manifest: Manifest,
    configs: Sequence[FeatureConfig],
    name: ShardName,
    features_root: Path,
    cpus: int,
) -> list[FeatureConfig]:
    """Write one shard of each FeatureSet unless it is already there.

    Args:
        manifest: the clips.
        configs: the feature sets and their settings.
        name: which shard of how many.
        features_root: where FeatureSets lie; older ones of the same settings are reused.
        cpus: how many clips are worked on at once. The bytes of a shard don't depend on it.

    Returns:
        The configs whose shard was missing.

    Raises:
        OSError: a clip could not be read now; no shard is written.
    """
    missing = [
        config
        for config in configs
        if not is_complete(features_root / config.folder_name(manifest), manifest, config, name)
    ]
    replace_shards(manifest, missing, name, features_root, cpus)
    return missing


def replace_shards(
    manifest: Manifest,
    configs: Sequence[FeatureConfig],
    name: ShardName,
    features_root: Path,
    cpus: int,
) -> None:
    """Write one shard of each FeatureSet whether or not it is there; see `extract_shards`."""
    # What is decoded serves all sets that want the same samples of a clip.
    by_samples: dict[tuple[int, float], list[FeatureConfig]] = {}
    for config in configs:
        by_samples.setdefault((config.sample_rate, config.seconds), []).append(config)
    for alike in by_samples.values():
        _write_shards(manifest, alike, name, features_root, cpus)


def _write_shards(
    manifest: Manifest,
    configs: Sequence[FeatureConfig],
    name: ShardName,
    features_root: Path,
    cpus: int,
) -> None:
    positions = name.positions(len(manifest))
    known = [KnownRows.below(features_root, manifest, config, name) for config in configs]
    sets = "+".join(config.features for config in configs)
    progress = Progress(f"extract {sets} {name}", len(positions), "clips")
    with contextlib.ExitStack() as stack:
        writers = []
        for config in configs:
            path = features_root / config.folder_name(manifest) / str(name)
            writers.append(stack.enter_context(writing_shard(path, config, len(positions))))
        results = clip_results(manifest, configs, positions, known, cpus)
        # closing: if writing fails, the workers must not outlive it.
        stack.enter_context(contextlib.closing(results))
        for of_each_config in progress.over(results):
            for writer, result in zip(writers, of_each_config, strict=True):
                writer.add(result)
