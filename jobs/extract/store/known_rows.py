"""Rows of other shards, found by the hash of a recording: only new recordings are decoded."""

import logging
from collections.abc import Iterable, Iterator
from pathlib import Path

from jobs.data.manifest import Manifest
from jobs.errors import DamagedFileError
from jobs.extract.clip_features import ClipFeatures
from jobs.extract.config import FeatureConfig
from jobs.extract.store.feature_store import FeatureStore
from jobs.extract.store.shard import NO_ROW, ShardColumns, ShardName, open_for_reading, read_columns

log = logging.getLogger(__name__)


class KnownRows:
    """Where features of known recordings lie, for one config.

    A config that has a source (v3 has v2) finds its rows in the source's shards too, and derives
    them instead of decoding anew.
    """

    def __init__(self, config: FeatureConfig) -> None:
        self._config = config
        self._rows: dict[str, tuple[Path, int, bool]] = {}
        self._columns: tuple[Path, ShardColumns] | None = None

    @classmethod
    def found_in(
        cls, store: FeatureStore, manifest: Manifest, config: FeatureConfig, name: ShardName
    ) -> "KnownRows":
        """Gather the rows of other FeatureSets, of other partitions, and of the source."""
        known = cls(config)
        if (source := config.source) is not None:
            twin = store.folder(manifest, source) / str(name)
            known._gather([twin] if twin.exists() else _shards(store, source), source, True)
        # Sister shards hold other clips and are not opened: a task would read as many of them as
        # there are tasks.
        own = store.folder(manifest, config)
        sisters = {own / str(ShardName(index, name.count)) for index in range(name.count)}
        others = (path for path in _shards(store, config) if path not in sisters)
        known._gather(others, config, False)
        return known

    def _gather(self, paths: Iterable[Path], config: FeatureConfig, is_source: bool) -> None:
        wanted = config.fingerprint()
        for path in paths:
            try:
                columns = read_columns(path)
            except (DamagedFileError, OSError):
                continue
            if columns.feature_fingerprint == wanted:
                found = enumerate(columns.sha256)
                self._rows |= {
                    digest: (path, offset, is_source) for offset, digest in found if digest
                }

    def __contains__(self, digest: str) -> bool:
        """Return whether features of this SHA-256 are known, or known not to exist."""
        return digest in self._rows

    def record(self, digest: str) -> ClipFeatures | None:
        """Return the record of a known recording; None if its row cannot be read."""
        path, offset, is_source = self._rows[digest]
        try:
            if self._columns is None or self._columns[0] != path:
                self._columns = (path, read_columns(path))
            columns = self._columns[1]
            facts, row = columns.facts(offset), int(columns.row[offset])
            if row == NO_ROW:
                return ClipFeatures.without(1, columns.reason[offset], digest, facts)
            with open_for_reading(path) as file:
                features = file["features"][row]
        except (DamagedFileError, OSError) as error:
            log.warning("%s: clip %d cannot be reused (%s)", path, offset, error)
            return None
        if is_source:
            features = self._config.kind.derive(features)
        return ClipFeatures(digest, (features,), (columns.band_levels[offset],), facts)


def _shards(store: FeatureStore, config: FeatureConfig) -> Iterator[Path]:
    for folder in store.folders_of(config):
        yield from sorted(folder.glob("shard-*.h5"))
