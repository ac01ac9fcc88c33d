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
    with_magnitude = {_frames_of(config) for config in configs if config.features != "v1"}
    rate = configs[0].sample_rate
    spectra = {
        frames: Spectrum.of(samples, rate, *frames, with_magnitude=frames in with_magnitude)
        for frames in {_frames_of(config) for config in configs}
    }
    v2 = {
        frames: combined(samples, spectra[frames], hop_length=frames[1])
        for frames in with_magnitude
    }
    computed = []
    for config in configs:
        frames = _frames_of(config)
        if config.features == "v1":
            computed.append(log_mel(spectra[frames], config.n_mels))
        else:
            whole = v2[frames]
            computed.append(whole if config.features == "v2" else mean_over_time(whole))
    return computed


def _frames_of(config: FeatureConfig) -> tuple[int, int]:
    return config.n_fft, config.hop_length
