"""Rows of older shards, found by the hash of a clip's bytes: only changed clips are decoded."""

import logging
import threading
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from jobs.errors import DamagedFileError
from jobs.extract.config import FeatureConfig
from jobs.extract.shard import NO_ROW, ShardName, open_for_reading, read_columns

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class KnownResult:
    """Features, or the reason why these bytes have none."""

    features: npt.NDArray[np.float32] | None
    reason: str


@dataclass
class KnownRows:
    """Where features of known bytes lie. Lookups are safe from several threads."""

    places: dict[str, tuple[Path, int, str]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def below(
        cls, features_root: Path, config: FeatureConfig, folder: Path, name: ShardName
    ) -> "KnownRows":
        """Gather the rows of other FeatureSets with these settings, and of other partitions.

        Sister shards of `name` hold other clips and are not opened: in a first extraction there
        is nothing to gather.
        """
        wanted = config.fingerprint()
        sisters = {str(ShardName(index, name.count)) for index in range(name.count)}
        places: dict[str, tuple[Path, int, str]] = {}
        for path in sorted(features_root.glob(f"{config.features}-*/shard-*.h5")):
            if path.parent == folder and path.name in sisters:
                continue
            try:
                columns = read_columns(path)
            except (DamagedFileError, OSError):
                continue
            if columns.feature_fingerprint != wanted:
                continue
            for digest, row, reason in zip(
                columns.sha256, columns.row, columns.reason, strict=True
            ):
                if digest:
                    places[digest] = (path, int(row), reason)
        return cls(places)

    def result(self, digest: str) -> KnownResult | None:
        """Return what is known of a clip with this SHA-256, or None."""
        place = self.places.get(digest)
        if place is None:
            return None
        path, row, reason = place
        if row == NO_ROW:
            return KnownResult(None, reason)
        try:
            with self._lock, open_for_reading(path) as file:
                return KnownResult(file["features"][row], "")
        except (DamagedFileError, OSError) as error:
            log.warning("%s: row %d cannot be reused (%s)", path, row, error)
            return None
