"""The feature sets: from samples to a float32 array of bands by frames."""

import numpy as np
import numpy.typing as npt

from jobs.extract.config import FeatureConfig


def compute(samples: npt.NDArray[np.float32], config: FeatureConfig) -> npt.NDArray[np.float32]:
    """Return the features of one clip.

    Args:
        samples: float32 [samples], as `decode` returns them.
        config: which feature set, and its settings.

    Returns:
        float32 `config.shape`.
    """
    return log_mel(samples, config)


def log_mel(samples: npt.NDArray[np.float32], config: FeatureConfig) -> npt.NDArray[np.float32]:
    """Return feature set v1: the mel power spectrogram in dB below the clip's loudest value.

    `librosa.power_to_db(librosa.feature.melspectrogram(y=samples, ...), ref=np.max)`, which
    floors the values at 80 dB below the maximum. A silent clip is 0 dB everywhere.

    Args:
        samples: float32 [samples].
        config: sample rate, n_fft, hop_length, n_mels; all else as librosa's defaults.

    Returns:
        float32 [n_mels, frames], in dB, at most 0.
    """
    import librosa

    power = librosa.feature.melspectrogram(
        y=samples,
        sr=config.sample_rate,
        n_fft=config.n_fft,
        hop_length=config.hop_length,
        n_mels=config.n_mels,
    )
    return np.asarray(librosa.power_to_db(power, ref=np.max), dtype=np.float32)
