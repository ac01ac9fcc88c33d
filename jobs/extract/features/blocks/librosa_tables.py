"""librosa's own mel filters and windows: built once a task, and handed to its workers.

To import `librosa.filters` takes 1.2 s, for scipy.signal and scipy.stats, of the 2.9 s that a
worker took to start: one that is given these tables needs neither. Whatever it is not given it
builds.
"""

import functools
import warnings
from collections.abc import Iterable, Mapping

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
# By what is asked for: (sample_rate, n_fft, n_mels) of filters, (length,) of windows.
Tables = Mapping[tuple[int, ...], npt.NDArray[np.floating]]

_given: dict[tuple[int, ...], npt.NDArray[np.floating]] = {}


# Building them takes librosa 1.1 to 1.4 ms, as much as the Fourier transform of a clip.
@functools.lru_cache(maxsize=16)
def mel_filters(sample_rate: int, n_fft: int, n_mels: int) -> Floats:
    """Return the weights of `librosa.filters.mel`, float32 [n_mels, bins]."""
    if (known := _given.get((sample_rate, n_fft, n_mels))) is not None:
        return np.asarray(known, dtype=np.float32)
    from librosa.filters import mel

    with warnings.catch_warnings():
        # More bands than bins in the bass: such a band is silent, as it is in librosa.
        warnings.simplefilter("ignore", UserWarning)
        return np.asarray(mel(sr=sample_rate, n_fft=n_fft, n_mels=n_mels), dtype=np.float32)


@functools.lru_cache(maxsize=16)
def hann(length: int) -> npt.NDArray[np.float64]:
    """Return the periodic Hann window, float64 [length]."""
    if (known := _given.get((length,))) is not None:
        return np.asarray(known, dtype=np.float64)
    from librosa.filters import get_window

    return np.asarray(get_window("hann", length), dtype=np.float64)


def tables_of(filters: Iterable[tuple[int, int, int]]) -> Tables:
    """Build filters, each by (sample_rate, n_fft, n_mels), and the windows of their frames."""
    wanted = set(filters)
    found: dict[tuple[int, ...], npt.NDArray[np.floating]] = {}
    for sample_rate, n_fft, n_mels in wanted:
        found[sample_rate, n_fft, n_mels] = mel_filters(sample_rate, n_fft, n_mels)
        found[n_fft,] = hann(n_fft)
    return found


def use(tables: Tables) -> None:
    """Take what another process has built, before anything is asked for."""
    _given.update(tables)
