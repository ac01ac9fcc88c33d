"""What the feature sets of one clip share: computed once, whoever asks first."""

import numpy as np

from jobs.extract.config import FeatureConfig
from jobs.extract.features.blocks.mel import decibels, precise_mel_power
from jobs.extract.features.blocks.spectrum import Spectrum, quick_power
from jobs.extract.features.kind import Floats


class ClipAnalysis:
    """The samples of one clip with its spectra and feature sets, each computed when asked for.

    The values of a set do not depend on which others are asked for.

    Args:
        samples: float32 [samples], as `decode` returns them.
    """

    def __init__(self, samples: Floats) -> None:
        self.samples = samples
        self._spectra: dict[tuple[int, int], Spectrum] = {}
        self._powers: dict[tuple[int, int], Floats] = {}
        self._log_mel: dict[tuple[int, int, int], Floats] = {}
        self._features: dict[FeatureConfig, Floats] = {}

    def spectrum(self, config: FeatureConfig) -> Spectrum:
        framing = _framing(config)
        if framing not in self._spectra:
            self._spectra[framing] = Spectrum.of(self.samples, config.sample_rate, *framing)
        return self._spectra[framing]

    def _quick_power(self, config: FeatureConfig) -> Floats:
        """Return the power for log-mel, from a float32 transform whoever else takes another one."""
        framing = _framing(config)
        if framing not in self._powers:
            self._powers[framing] = quick_power(self.samples, *framing)
        return self._powers[framing]

    def log_mel(self, config: FeatureConfig, n_mels: int) -> Floats:
        """Return the mel power spectrogram in dB below the clip's loudest value.

        `librosa.power_to_db(librosa.feature.melspectrogram(...), ref=np.max)`, which floors the
        values at 80 dB below the maximum. A silent clip is 0 dB everywhere. Within 1e-3 dB of
        librosa, whose transform is float64: see `precise_mel_power`.

        Returns:
            float32 [n_mels, frames], in dB, at most 0.
        """
        key = (*_framing(config), n_mels)
        if key not in self._log_mel:
            quick, rate = self._quick_power(config), config.sample_rate
            power = precise_mel_power(self.samples, quick, rate, *_framing(config), n_mels)
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
    return ClipAnalysis(samples).features(config)


def _framing(config: FeatureConfig) -> tuple[int, int]:
    return config.n_fft, config.hop_length
