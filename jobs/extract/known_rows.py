"""Rows of older shards, found by the hash of a clip's bytes: only changed clips are decoded."""

import functools
import logging
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from jobs.data.manifest import Manifest
from jobs.errors import DamagedFileError
from jobs.extract.config import FeatureConfig
from jobs.extract.decode import Audio
from jobs.extract.features.combined import mean_over_time
from jobs.extract.shard import NO_ROW, ShardColumns, ShardName, open_for_reading, read_columns

log = logging.getLogger(__name__)

Known = tuple[npt.NDArray[np.float32] | None, Audio | None, str]


class KnownRows:
    """Where features of known bytes lie, for one config.

    A config that has a source (v3 has v2) finds its rows in the source's shards too, and averages
    them instead of decoding anew.
    """

    def __init__(self) -> None:
        self._places: dict[str, tuple[Path, int, bool]] = {}
        self._columns: tuple[Path, ShardColumns] | None = None

    @classmethod
    def below(
        cls, features_root: Path, manifest: Manifest, config: FeatureConfig, name: ShardName
    ) -> "KnownRows":
        """Gather the rows of other FeatureSets, of other partitions, and of the source."""
        known = cls()
        if (source := config.source) is not None:
            twin = features_root / source.folder_name(manifest) / str(name)
            known._gather([twin] if twin.exists() else _shards(features_root, source), source, True)
        # Sister shards hold other clips and are not opened: in a first extraction there is
        # nothing to gather.
        own = features_root / config.folder_name(manifest)
        sisters = {own / str(ShardName(index, name.count)) for index in range(name.count)}
        others = (path for path in _shards(features_root, config) if path not in sisters)
        known._gather(others, config, False)
        return known

    def _gather(self, paths: Iterable[Path], config: FeatureConfig, averaged: bool) -> None:
        wanted = config.fingerprint()
        for path in paths:
            try:
                columns = read_columns(path)
            except (DamagedFileError, OSError):
                continue
            if columns.feature_fingerprint == wanted:
                found = enumerate(columns.sha256)
                self._places |= {
                    sha256: (path, place, averaged) for place, sha256 in found if sha256
                }

    @functools.cached_property
    def digests(self) -> frozenset[str]:
        """SHA-256 of the files whose features are known, or known not to exist."""
        return frozenset(self._places)

    def result(self, digest: str) -> Known | None:
        """Return (features or None, audio, reason) of known bytes; None if they can't be read."""
        path, place, averaged = self._places[digest]
        try:
            if self._columns is None or self._columns[0] != path:
                self._columns = (path, read_columns(path))
            columns = self._columns[1]
            audio, row = columns.audio(place), int(columns.row[place])
            if row == NO_ROW:
                return None, audio, columns.reason[place]
            with open_for_reading(path) as file:
                features = file["features"][row]
        except (DamagedFileError, OSError) as error:
            log.warning("%s: clip %d cannot be reused (%s)", path, place, error)
            return None
        return (mean_over_time(features) if averaged else features), audio, ""


def _shards(features_root: Path, config: FeatureConfig) -> Iterator[Path]:
    yield from sorted(features_root.glob(f"{config.features}-*/shard-*.h5"))
