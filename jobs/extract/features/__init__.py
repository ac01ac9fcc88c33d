"""The feature sets: from samples to float32 arrays. numpy, scipy, soxr and numba; no librosa."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from jobs.extract.config import FeatureConfig
from jobs.extract.features.combined import combined, mean_over_time
from jobs.extract.features.mel import log_mel
from jobs.extract.features.spectrum import Spectrum

Floats = npt.NDArray[np.float32]


def compute(samples: Floats, config: FeatureConfig) -> Floats:
    """Return one feature set of one clip, float32 `config.shape`; see `compute_all`."""
    return compute_all(samples, [config])[0]


def compute_all(samples: Floats, configs: Sequence[FeatureConfig]) -> list[Floats]:
    """Return several feature sets of one clip; what they share is computed once.

    The values of a set don't depend on which others are asked for.

    Args:
        samples: float32 [samples], as `decode` returns them.
        configs: the feature sets; they agree in sample rate and seconds.

    Returns:
        For each config float32 `config.shape`: v1 [bands, frames], v2 [194, frames], v3 [194].
    """
    spectra: dict[tuple[int, int], Spectrum] = {}
    v2: dict[tuple[int, int], Floats] = {}
    computed = []
    for config in configs:
        rate, n_fft, hop = config.sample_rate, config.n_fft, config.hop_length
        if (n_fft, hop) not in spectra:
            spectra[n_fft, hop] = Spectrum.of(samples, rate, n_fft, hop)
        spectrum = spectra[n_fft, hop]
        if config.features == "v1":
            computed.append(log_mel(spectrum, config.n_mels))
            continue
        if (n_fft, hop) not in v2:
            v2[n_fft, hop] = combined(samples, spectrum, hop)
        whole = v2[n_fft, hop]
        computed.append(whole if config.features == "v2" else mean_over_time(whole))
    return computed
