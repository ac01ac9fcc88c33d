"""What the feature sets of one clip share: computed once, whoever asks first."""

import numpy as np

from jobs.extract.config import FeatureConfig
from jobs.extract.features.blocks.framing import Framing
from jobs.extract.features.blocks.mel import decibels
from jobs.extract.features.blocks.quick_mel import quick_mel_power
from jobs.extract.features.blocks.spectrum import Spectrum
from jobs.extract.features.kind import Floats


class ClipAnalysis:
    """The samples of one clip with its spectra and feature sets, each computed when asked for.

    The values of a set do not depend on which others are asked for.

    Args:
        samples: float32 [samples], as `decode` returns them.
    """

    def __init__(self, samples: Floats) -> None:
        self.samples = samples
        self._framings: dict[tuple[int, int], Framing] = {}
        self._spectra: dict[tuple[int, int], Spectrum] = {}
        self._log_mel: dict[tuple[int, int, int], Floats] = {}
        self._features: dict[FeatureConfig, Floats] = {}

    def spectrum(self, config: FeatureConfig) -> Spectrum:
        key = config.n_fft, config.hop_length
        if key not in self._spectra:
            self._spectra[key] = Spectrum.of(self._framing(config), config.sample_rate)
        return self._spectra[key]

    def _framing(self, config: FeatureConfig) -> Framing:
        key = config.n_fft, config.hop_length
        if key not in self._framings:
            self._framings[key] = Framing.of(self.samples, *key)
        return self._framings[key]

    def log_mel(self, config: FeatureConfig, n_mels: int) -> Floats:
        """Return the mel power spectrogram in dB below the clip's loudest value.

        `librosa.power_to_db(librosa.feature.melspectrogram(...), ref=np.max)`, which floors the
        values at 80 dB below the maximum. A silent clip is 0 dB everywhere. Within 1e-3 dB of
        librosa, whose transform is float64: see `quick_mel_power`.

        Returns:
            float32 [n_mels, frames], in dB, at most 0.
        """
        frames = config.n_fft, config.hop_length
        if (*frames, n_mels) not in self._log_mel:
            # Whoever wants one of them will want the other, of the same transform.
            counts = sorted({n_mels, config.level_bands})
            powers = quick_mel_power(self._framing(config), config.sample_rate, counts)
            for count, power in zip(counts, powers, strict=True):
                self._log_mel[*frames, count] = decibels(power, reference=power.max())
        return self._log_mel[*frames, n_mels]

    def features(self, config: FeatureConfig) -> Floats:
        """Return one feature set, float32 `config.shape`."""
        if config not in self._features:
            self._features[config] = config.kind.compute(self, config)
        return self._features[config]

    def band_levels(self, config: FeatureConfig) -> Floats:
        """Return mean and standard deviation over time of the log-mel bands, in dB.

        Returns:
            float32 [2, bands], the same whatever the feature set; see `FeatureConfig.level_bands`.
        """
        log_mel = self.log_mel(config, config.level_bands)
        return np.stack([log_mel.mean(axis=1), log_mel.std(axis=1)])


def compute(samples: Floats, config: FeatureConfig) -> Floats:
    """Return one feature set of one clip, float32 `config.shape`."""
    return ClipAnalysis(samples).features(config)
