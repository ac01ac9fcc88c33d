"""What the feature sets of one clip share: computed once, whoever asks first."""

from collections.abc import Sequence

import numpy as np

from jobs.extract.config import FeatureConfig
from jobs.extract.features.blocks.mel import decibels, mel_power
from jobs.extract.features.blocks.spectrum import Spectrum
from jobs.extract.features.kind import Floats


class ClipAnalysis:
    """The samples of one clip with its spectra and feature sets, each computed when asked for.

    Args:
        samples: float32 [samples], as `decode` returns them.
        configs: the sets that will be asked for; they agree in sample rate and seconds. The values
            of a set don't depend on which others are in here.
    """

    def __init__(self, samples: Floats, configs: Sequence[FeatureConfig]) -> None:
        self.samples = samples
        self._with_magnitude = {
            _framing(config) for config in configs if (config.source or config).kind.needs_magnitude
        }
        self._spectra: dict[tuple[int, int], Spectrum] = {}
        self._log_mel: dict[tuple[int, int, int], Floats] = {}
        self._features: dict[FeatureConfig, Floats] = {}

    def spectrum(self, config: FeatureConfig) -> Spectrum:
        framing = _framing(config)
        if framing not in self._spectra:
            self._spectra[framing] = Spectrum.of(
                self.samples, config.sample_rate, *framing, framing in self._with_magnitude
            )
        return self._spectra[framing]

    def log_mel(self, config: FeatureConfig, n_mels: int) -> Floats:
        """Return the mel power spectrogram in dB below the clip's loudest value.

        `librosa.power_to_db(librosa.feature.melspectrogram(...), ref=np.max)`, which floors the
        values at 80 dB below the maximum. A silent clip is 0 dB everywhere.

        Returns:
            float32 [n_mels, frames], in dB, at most 0.
        """
        key = (*_framing(config), n_mels)
        if key not in self._log_mel:
            power = mel_power(self.spectrum(config), n_mels)
            self._log_mel[key] = decibels(power, reference=power.max())
        return self._log_mel[key]

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
    return ClipAnalysis(samples, [config]).features(config)


def _framing(config: FeatureConfig) -> tuple[int, int]:
    return config.n_fft, config.hop_length
