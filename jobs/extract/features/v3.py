"""v3: the mean over time of v2, a vector for what is no network."""

from typing import TYPE_CHECKING

from jobs.extract.features.kind import FeatureKind, Floats
from jobs.extract.features.v2 import BLOCKS, LIBROSA_DEFAULTS, N_MELS, ROWS, SixKinds

if TYPE_CHECKING:
    from jobs.extract.config import FeatureConfig
    from jobs.extract.features.analysis import ClipAnalysis


class MeanOfSixKinds(FeatureKind):
    """The mean of each row of v2: float32 [194].

    It shows no duplicates: a mean over time hides what is particular to one recording.
    """

    name = "v3"
    source = SixKinds.name
    has_frames = False
    blocks = BLOCKS
    fixed_settings = LIBROSA_DEFAULTS

    def shape(self, config: "FeatureConfig") -> tuple[int, ...]:
        return (ROWS,)

    def mel_bands(self, config: "FeatureConfig") -> tuple[int, ...]:
        return (N_MELS,)

    def compute(self, clip: "ClipAnalysis", config: "FeatureConfig") -> Floats:
        assert config.source is not None
        return self.derive(clip.features(config.source))

    def derive(self, source: Floats) -> Floats:
        return source.mean(axis=1)
