"""v2: six kinds of features on top of each other, as librosa computes them by default."""

from typing import TYPE_CHECKING

import numpy as np

from jobs.extract.features.kind import FeatureKind, Floats

if TYPE_CHECKING:
    from jobs.extract.config import FeatureConfig
    from jobs.extract.features.analysis import ClipAnalysis

N_MFCC, N_MELS = 40, 128
MEL_ROWS = slice(N_MFCC, N_MFCC + N_MELS)
# The report's 149 rows were a slip: these sum to 194.
BLOCKS = {
    "mfcc": N_MFCC, "mel": N_MELS, "chroma": 12, "centroid": 1, "contrast": 7, "tonnetz": 6
}  # fmt: skip
ROWS = sum(BLOCKS.values())
# librosa's defaults, but `n_mels`: here it has its default because v2 does not use it.
LIBROSA_DEFAULTS = {"sample_rate": 22_050, "n_fft": 2048, "hop_length": 512, "n_mels": 64}


class SixKinds(FeatureKind):
    """What librosa's features give by default, one below the other: float32 [194, frames].

    40 MFCC, 128 mel bands (power), 12 chroma, the spectral centroid in Hz, 7 contrasts in dB and
    6 rows of tonnetz.
    """

    name = "v2"
    blocks = BLOCKS
    fixed_settings = LIBROSA_DEFAULTS
    comparable_with = ""

    def shape(self, config: "FeatureConfig") -> tuple[int, ...]:
        return ROWS, config.frames

    def compute(self, clip: "ClipAnalysis", config: "FeatureConfig") -> Floats:
        from jobs.extract.features.blocks.chroma import chroma_stft
        from jobs.extract.features.blocks.constant_q import BINS_PER_OCTAVE, tonnetz
        from jobs.extract.features.blocks.contrast import spectral_centroid, spectral_contrast
        from jobs.extract.features.blocks.mel import mel_power, mfcc
        from jobs.extract.features.blocks.tuning import estimate_tuning

        # One Fourier transform serves five blocks and both tunings, where librosa takes six.
        spectrum = clip.spectrum(config)
        rate, n_fft = spectrum.sample_rate, spectrum.n_fft
        mel = mel_power(spectrum.power, spectrum.sample_rate, spectrum.n_fft, N_MELS)
        tuning = estimate_tuning(spectrum.magnitude, rate, n_fft, BINS_PER_OCTAVE)
        blocks = (
            mfcc(mel, N_MFCC),
            mel,
            chroma_stft(spectrum),
            spectral_centroid(spectrum),
            spectral_contrast(spectrum),
            tonnetz(clip.samples, rate, config.hop_length, tuning),
        )
        return np.vstack(blocks)

    def mel_bands(self, config: "FeatureConfig") -> tuple[int, ...]:
        return (N_MELS,)

    def can_be_compared(self, config: "FeatureConfig") -> bool:
        return True

    def log_mel(self, features: Floats, config: "FeatureConfig") -> Floats:
        from jobs.extract.features.blocks.mel import decibels

        power = features[:, MEL_ROWS]
        return np.stack([decibels(clip, reference=clip.max()) for clip in power])
