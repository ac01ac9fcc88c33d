"""v1: the log-mel spectrogram, what the networks of the report were trained on."""

from typing import TYPE_CHECKING

from jobs.extract.features.kind import FeatureKind, Floats

if TYPE_CHECKING:
    from jobs.extract.config import FeatureConfig
    from jobs.extract.features.analysis import ClipAnalysis

# Coarser bands, shorter or longer frames make different recordings look alike.
FEWEST_BANDS = 32
SHORTEST_FRAME_S, LONGEST_FRAME_S = 0.01, 0.05


class LogMel(FeatureKind):
    """Mel bands in dB below the clip's loudest value: float32 [n_mels, frames], from -80 to 0."""

    name = "v1"
    bands_are_mel = True
    hears_loudness = False  # in dB below the clip's loudest
    comparable_with = "with at least 32 mel bands and frames of 10 to 50 ms"

    def shape(self, config: "FeatureConfig") -> tuple[int, ...]:
        return config.n_mels, config.frames

    def compute(self, clip: "ClipAnalysis", config: "FeatureConfig") -> Floats:
        return clip.log_mel(config, config.n_mels)

    def can_be_compared(self, config: "FeatureConfig") -> bool:
        frame_s = config.hop_length / config.sample_rate
        return config.n_mels >= FEWEST_BANDS and SHORTEST_FRAME_S <= frame_s <= LONGEST_FRAME_S

    def log_mel(self, features: Floats, config: "FeatureConfig") -> Floats:
        return features
