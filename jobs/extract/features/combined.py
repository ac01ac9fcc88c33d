"""Feature sets v2 and v3: six kinds of features on top of each other, and their mean."""

import numpy as np
import numpy.typing as npt

from jobs.extract.features.chroma import chroma_stft
from jobs.extract.features.constant_q import BINS_PER_OCTAVE, tonnetz
from jobs.extract.features.mel import decibels, mel_power, mfcc
from jobs.extract.features.shape import spectral_centroid, spectral_contrast
from jobs.extract.features.spectrum import Spectrum
from jobs.extract.features.tuning import estimate_tuning

Floats = npt.NDArray[np.float32]

N_MFCC, N_MELS = 40, 128
# The rows of v2, in their order. The report's 149 rows were a slip: these sum to 194.
BLOCKS = {"mfcc": 40, "mel": 128, "chroma": 12, "centroid": 1, "contrast": 7, "tonnetz": 6}
ROWS = sum(BLOCKS.values())


def combined(samples: Floats, spectrum: Spectrum, hop_length: int) -> Floats:
    """Return feature set v2: what librosa's features give by default, one below the other.

    Args:
        samples: float32 [samples].
        spectrum: theirs.
        hop_length: samples between frames.

    Returns:
        float32 [194, frames]: 40 MFCC, 128 mel bands (power), 12 chroma, spectral centroid in Hz,
        7 contrasts in dB, 6 tonnetz.
    """
    rate, n_fft = spectrum.sample_rate, spectrum.n_fft
    mel = mel_power(spectrum, N_MELS)
    tuning = estimate_tuning(spectrum.magnitude, rate, n_fft, BINS_PER_OCTAVE)
    blocks = (
        mfcc(mel, N_MFCC),
        mel,
        chroma_stft(spectrum),
        spectral_centroid(spectrum),
        spectral_contrast(spectrum),
        tonnetz(samples, rate, hop_length, tuning),
    )
    return np.vstack(blocks)


def mean_over_time(features: Floats) -> Floats:
    """Return feature set v3 of a clip's v2: float32 [194]."""
    return features.mean(axis=1)


def log_mel_of(v2: Floats) -> Floats:
    """Return the log-mel spectrogram that lies in a clip's v2: float32 [128, frames], in dB."""
    power = v2[N_MFCC : N_MFCC + N_MELS]
    return decibels(power, reference=power.max())
