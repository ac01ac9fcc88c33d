"""Where the FeatureSet of a manifest and a config lies."""

from dataclasses import dataclass
from pathlib import Path

from jobs.data.manifest import Manifest
from jobs.errors import DamagedFileError, NotReadyError
from jobs.extract.config import FeatureConfig
from jobs.extract.store.feature_set import FeatureSet
from jobs.extract.store.shard import FORMAT
from jobs.schema import fingerprint


@dataclass(frozen=True)
class FeatureStore:
    """A folder of FeatureSets: of several data folders, settings and versions, side by side."""

    root: Path

    def folder(self, manifest: Manifest, config: FeatureConfig) -> Path:
        """Return the folder of these recordings with these settings, such as `v1-3f2a90...`.

        Shards of another format lie in another folder: nobody takes them for these.
        """
        made_from = fingerprint([FORMAT, config.fingerprint(), manifest.fingerprint])
        return self.root / f"{config.features}-{made_from}"

    def folders_of(self, config: FeatureConfig) -> list[Path]:
        """Return the folders of this kind of features, of whatever recordings and settings."""
        return sorted(self.root.glob(f"{config.features}-*"))

    def open(self, manifest: Manifest, config: FeatureConfig) -> FeatureSet:
        """Open an indexed FeatureSet; features stay on disk.

        Raises:
            NotReadyError: there is no index of this manifest and config, or a shard is gone.
            DamagedFileError: the index cannot be read.
        """
        return FeatureSet.open(self.folder(manifest, config), config, len(manifest))

    def is_complete(self, manifest: Manifest, config: FeatureConfig) -> bool:
        """Return whether there is an index, with every shard as it was when it was indexed."""
        try:
            self.open(manifest, config).require_sizes()
        except (NotReadyError, DamagedFileError):
            return False
        return True
