"""Features of clips that are to be classified: the same code, workers and shards as a launch's."""

from collections.abc import Sequence
from pathlib import Path

from jobs.data.manifest import Manifest
from jobs.extract.config import FeatureConfig
from jobs.extract.extraction import Extraction
from jobs.extract.store.feature_set import FeatureSet
from jobs.extract.store.feature_store import FeatureStore

CLIPS_PER_SHARD = 500


def features_of(
    clips: Manifest, configs: Sequence[FeatureConfig], folder: Path, cpus: int
) -> dict[FeatureConfig, FeatureSet]:
    """Extract what is missing below a folder, and open it.

    Args:
        clips: hashed.
        configs: the feature sets.
        folder: where they lie; killed and called again with the same one, it goes on.
        cpus: how many clips are worked on at once.
    """
    store = FeatureStore(folder)
    extraction = Extraction(store, clips, configs, -(-len(clips) // CLIPS_PER_SHARD))
    for shard in extraction.missing():
        extraction.extract(shard, cpus)
    extraction.index(cpus)
    return {config: store.open(clips, config) for config in configs}
