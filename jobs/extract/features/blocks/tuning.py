"""How far a recording is out of tune: what chroma and tonnetz are aligned to."""

import numpy as np
import numpy.typing as npt

from jobs.extract.features.blocks.kernels import kernels

Floats = npt.NDArray[np.float32]

LOWEST_HZ, HIGHEST_HZ = 150.0, 4000.0
RESOLUTION = 0.01
A0_HZ = 440.0 / 16
PEAK_SHARE = 0.1


def estimate_tuning(
    spectrogram: Floats, sample_rate: int, n_fft: int, bins_per_octave: int
) -> float:
    """Return the deviation from A440 in bins, in [-0.5, 0.5), as `librosa.estimate_tuning`.

    The spectral peaks of every frame are interpolated by a parabola (Smith, "Spectral Audio Signal
    Processing", 2011); the tuning is the fullest bin of the histogram of where the louder half of
    them lies within its semitone. The fullest bin changes with the last bit of a magnitude, so
    each step is rounded as librosa rounds it.

    Args:
        spectrogram: float32 [frames, bins], magnitude or power.
        sample_rate: in Hz.
        n_fft: samples a frame.
        bins_per_octave: of the scale, 12 for semitones.
    """
    hz = np.fft.rfftfreq(n_fft, 1.0 / sample_rate)
    low, high = np.searchsorted(hz, (LOWEST_HZ, min(HIGHEST_HZ, sample_rate / 2)))
    floor = np.float32(PEAK_SHARE) * spectrogram.max(axis=1)
    pitch, level = kernels().spectral_peaks(
        spectrogram, floor, int(low), int(high), float(sample_rate), n_fft
    )
    if not pitch.size:
        return 0.0
    return _fullest_bin(pitch[level >= np.median(level)], bins_per_octave)


def _fullest_bin(pitch: Floats, bins_per_octave: int) -> float:
    in_bins = bins_per_octave * np.log2(pitch / A0_HZ)
    residual = in_bins - np.floor(in_bins)
    residual[residual >= 0.5] -= 1.0
    count = round(1 / RESOLUTION)
    edges = np.linspace(-0.5, 0.5, count + 1)
    # A guess by arithmetic, put right at the edges: a search for each takes five times as long.
    guess = (residual * count + count / 2).astype(np.int64).clip(0, count - 1)
    guess += residual >= edges[guess + 1]
    guess -= residual < edges[guess]
    return float(edges[np.argmax(np.bincount(guess, minlength=count))])
