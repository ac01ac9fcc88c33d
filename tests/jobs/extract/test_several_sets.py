"""Several feature sets of the same clips: one decode serves all."""

from pathlib import Path

import numpy as np

from jobs.data.manifest import Manifest
from jobs.extract.config import FeatureConfig
from jobs.extract.store.feature_store import FeatureStore
from jobs.extract.store.shard import ShardName, read_features
from tests.jobs.extract.extracting import SHARDS, extraction_of, shard_of


def test_v3_is_taken_from_the_shards_of_v2_without_decoding(
    manifest: Manifest, tmp_path: Path, worked_on: list[Path]
) -> None:
    v2, v3 = (FeatureConfig.checked({"features": f, "seconds": 0.5}, "") for f in ("v2", "v3"))
    extraction_of(manifest, tmp_path / "together", [v2, v3]).extract(0, 1)
    apart = tmp_path / "apart"
    extraction_of(manifest, apart, [v2]).extract(0, 1)
    worked_on.clear()
    extraction_of(manifest, apart, [v3]).extract(0, 1)
    assert worked_on == []
    averaged, whole = (shard_of(manifest, apart, config) for config in (v3, v2))
    assert averaged.read_bytes() == shard_of(manifest, tmp_path / "together", v3).read_bytes()
    means = read_features(whole).mean(axis=2)
    np.testing.assert_array_equal(read_features(averaged), means)


def test_one_decode_serves_all_feature_sets(
    manifest: Manifest, tmp_path: Path, worked_on: list[Path]
) -> None:
    configs = [FeatureConfig.checked({"features": f, "seconds": 0.5}, "") for f in ("v1", "v2")]
    extraction_of(manifest, tmp_path, configs).extract(0, 1)
    assert len(worked_on) == len(ShardName(0, SHARDS).positions(len(manifest)))
    alone = tmp_path / "alone"
    for config in configs:
        extraction_of(manifest, alone, [config]).extract(0, 1)
        ours, theirs = (shard_of(manifest, root, config) for root in (alone, tmp_path))
        assert ours.read_bytes() == theirs.read_bytes()


def test_only_the_set_that_is_missing_is_computed(
    manifest: Manifest, tmp_path: Path, worked_on: list[Path]
) -> None:
    configs = [FeatureConfig.checked({"features": f, "seconds": 0.5}, "") for f in ("v1", "v2")]
    assert extraction_of(manifest, tmp_path, configs[:1]).extract(0, 1) == configs[:1]
    assert extraction_of(manifest, tmp_path, configs).extract(0, 1) == configs[1:]
    # In another partition the rows of v1 are known, those of v2 are not.
    other = tmp_path / "other"
    for shard in (1, 2):
        extraction_of(manifest, other, configs[:1]).extract(shard, 1)
    worked_on.clear()
    extraction_of(manifest, other, configs, shards=2).extract(1, 1)
    assert len(worked_on) == 20
    fresh = tmp_path / "fresh"
    extraction_of(manifest, fresh, configs, shards=2).extract(1, 1)
    for config in configs:
        name = str(ShardName(1, 2))
        one, two = (FeatureStore(r).folder(manifest, config) / name for r in (other, fresh))
        assert one.read_bytes() == two.read_bytes()
