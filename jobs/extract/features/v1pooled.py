"""v1pooled: mean and deviation over time of v1, a vector for what is no network."""

from typing import TYPE_CHECKING

import numpy as np

from jobs.extract.features.kind import FeatureKind, Floats
from jobs.extract.features.v1 import LogMel

if TYPE_CHECKING:
    from jobs.extract.config import FeatureConfig
    from jobs.extract.features.analysis import ClipAnalysis


class PooledLogMel(FeatureKind):
    """Of each mel band its mean, then its standard deviation: float32 [2 * n_mels], in dB.

    It shows no duplicates: a mean over time hides what is particular to one recording.
    """

    name = "v1pooled"
    source = LogMel.name
    has_frames = False
    hears_loudness = LogMel.hears_loudness

    def shape(self, config: "FeatureConfig") -> tuple[int, ...]:
        return (2 * config.n_mels,)

    def compute(self, clip: "ClipAnalysis", config: "FeatureConfig") -> Floats:
        assert config.source is not None
        return self.derive(clip.features(config.source))

    def derive(self, source: Floats) -> Floats:
        exact = source.astype(np.float64)
        pooled: Floats = np.concatenate([exact.mean(axis=1), exact.std(axis=1)]).astype(np.float32)
        return pooled
