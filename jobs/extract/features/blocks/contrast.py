"""The shape of the spectrum: its centroid, and how far its peaks stand above its valleys."""

import functools

import numpy as np
import numpy.typing as npt

from jobs.extract.features.blocks.mel import decibels
from jobs.extract.features.blocks.spectrum import Spectrum

Floats = npt.NDArray[np.float32]

LOWEST_OCTAVE_HZ = 200.0
OCTAVES = 6
EXTREME_SHARE = 0.02


def spectral_centroid(spectrum: Spectrum) -> Floats:
    """Return the centre of mass of each frame's magnitudes, as `librosa.feature.spectral_centroid`.

    Returns:
        float32 [1, frames], in Hz; 0 for a silent frame.
    """
    hz = spectrum.hz.astype(np.float32)
    total, moment = (spectrum.magnitude @ np.stack([np.ones_like(hz), hz], axis=1)).T
    silent = total < np.finfo(np.float32).tiny
    return np.asarray(moment / np.where(silent, np.float32(1), total))[np.newaxis]


def spectral_contrast(spectrum: Spectrum) -> Floats:
    """Return peaks over valleys in octave bands, as `librosa.feature.spectral_contrast`.

    Jiang et al., "Music type classification by spectral contrast feature" (2002): the mean of the
    largest 2 % of a band's magnitudes, in dB above the mean of its smallest 2 %.

    Returns:
        float32 [7, frames], in dB: below 200 Hz, five octaves above, and the rest.
    """
    bands = octave_bands(spectrum.sample_rate, spectrum.n_fft)
    valley = np.empty((len(bands), len(spectrum.magnitude)))
    peak = np.empty_like(valley)
    for row, (start, stop, extreme) in enumerate(bands):
        ranked = np.sort(spectrum.magnitude[:, start:stop], axis=1)
        valley[row] = _mean_in_order(ranked[:, :extreme])
        peak[row] = _mean_in_order(ranked[:, -extreme:])
    return np.asarray(decibels(peak) - decibels(valley), dtype=np.float32)


def _mean_in_order(values: Floats) -> Floats:
    """Average each row from left to right, as librosa does; numpy would sum along rows in pairs.

    Where a spectrum is flat the contrast is nothing but the last bit of these means.
    """
    return np.ascontiguousarray(values.T).mean(axis=0)


@functools.lru_cache(maxsize=8)
def octave_bands(sample_rate: int, n_fft: int) -> tuple[tuple[int, int, int], ...]:
    """Return (first bin, bin after the last, how many extremes) of each band.

    Neighbours share a bin below; all but the topmost band leave out their last bin, after it has
    counted for the number of extremes.
    """
    hz = np.fft.rfftfreq(n_fft, 1.0 / sample_rate)
    edges = np.concatenate(([0.0], LOWEST_OCTAVE_HZ * 2.0 ** np.arange(OCTAVES + 1)))
    bands = []
    for band in range(OCTAVES + 1):
        inside = np.flatnonzero((hz >= edges[band]) & (hz <= edges[band + 1]))
        topmost = band == OCTAVES
        start = int(inside[0]) - (band > 0)
        stop = len(hz) if topmost else int(inside[-1]) + 1
        extreme = max(1, round(EXTREME_SHARE * (stop - start)))
        bands.append((start, stop if topmost else stop - 1, extreme))
    return tuple(bands)
