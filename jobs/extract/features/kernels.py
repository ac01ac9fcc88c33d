"""Inner loops that numba compiles. Each has a twin in numpy that gives the same bits.

The twins stand in where numba is missing, or where CLIP_KERNELS=numpy asks for them.
"""

import contextlib
import fcntl
import functools
import importlib.util
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Spectra = npt.NDArray[np.complex128]

log = logging.getLogger(__name__)

CHOICE = "CLIP_KERNELS"


@dataclass(frozen=True)
class Kernels:
    """The inner loops, compiled or not.

    Attributes:
        window_frames: (padded, window, first, hop, out): frames `first` and following of `padded`
            times `window`, into float64 `out` [frames, n_fft].
        store_power: (spectra [frames, bins], first, out): squared magnitudes, turned, into the
            columns `first` and following of float32 `out` [bins, all frames].
        spectral_peaks: (spectrogram [frames, bins], floor [frames], low, high, sample_rate, n_fft):
            pitch in Hz and level of each local maximum above the floor between the bins `low` and
            `high`, each float32 [peaks], interpolated by a parabola.
    """

    window_frames: Callable[[Floats, Doubles, int, int, Doubles], None]
    store_power: Callable[[Spectra, int, Floats], None]
    spectral_peaks: Callable[[Floats, Floats, int, int, float, int], tuple[Floats, Floats]]


def window_frames(
    padded: Floats, window: Doubles, first: int, hop_length: int, out: Doubles
) -> None:
    """The twin of the compiled loop of this name."""
    frames = np.lib.stride_tricks.sliding_window_view(padded, len(window))[::hop_length]
    np.multiply(frames[first : first + len(out)], window, out=out)


def store_power(spectra: Spectra, first: int, out: Floats) -> None:
    """The twin of the compiled loop of this name."""
    out[:, first : first + len(spectra)] = (spectra.real**2 + spectra.imag**2).T


def spectral_peaks(
    spectrogram: Floats, floor: Floats, low: int, high: int, sample_rate: float, n_fft: int
) -> tuple[Floats, Floats]:
    """The twin of the compiled loop of this name."""
    above = np.where(spectrogram > floor[:, np.newaxis], spectrogram, np.float32(0))
    here, before, after = (above[:, low + step : high + step] for step in (0, -1, 1))
    frame, place = np.nonzero((here > before) & (here >= after))
    place += low
    left, peak, right = (spectrogram[frame, place + step] for step in (-1, 0, 1))
    # float32 and float64 as librosa's compiled stencil mixes them.
    curve = (right + left).astype(np.float64) - 2.0 * peak
    slope = (right - left).astype(np.float64) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        inside = np.abs(slope) < np.abs(curve)
        shift = np.where(inside, -slope / curve, 0.0).astype(np.float32)
    level = peak + np.float32(0.5) * ((right - left) / np.float32(2)) * shift
    pitch = (place + shift.astype(np.float64)) * sample_rate / n_fft
    return pitch.astype(np.float32), level


def _window_frames_loop(
    padded: Floats, window: Doubles, first: int, hop_length: int, out: Doubles
) -> None:
    for frame in range(out.shape[0]):
        start = (first + frame) * hop_length
        samples, row = padded[start : start + window.shape[0]], out[frame]
        for place in range(window.shape[0]):
            row[place] = samples[place] * window[place]


def _store_power_loop(spectra: Spectra, first: int, out: Floats) -> None:
    for place in range(spectra.shape[1]):
        for frame in range(spectra.shape[0]):
            value = spectra[frame, place]
            out[place, first + frame] = value.real * value.real + value.imag * value.imag


def _spectral_peaks_loop(
    spectrogram: Floats, floor: Floats, low: int, high: int, sample_rate: float, n_fft: int
) -> tuple[Floats, Floats]:
    # Of two neighbours at most one is a peak.
    most = spectrogram.shape[0] * ((high - low) // 2 + 1)
    pitch, level = np.empty(most, np.float32), np.empty(most, np.float32)
    zero, half, two = np.float32(0), np.float32(0.5), np.float32(2)
    count = 0
    for frame in range(spectrogram.shape[0]):
        row, least = spectrogram[frame], floor[frame]
        for place in range(low, high):
            left, peak, right = row[place - 1], row[place], row[place + 1]
            if not peak > least or left >= peak or right > peak:
                continue
            curve = np.float64(right + left) - 2.0 * np.float64(peak)
            slope = np.float64(right - left) / 2.0
            shift = zero if abs(slope) >= abs(curve) else np.float32(-slope / curve)
            level[count] = peak + half * ((right - left) / two) * shift
            pitch[count] = np.float32((place + np.float64(shift)) * sample_rate / n_fft)
            count += 1
    return pitch[:count], level[:count]


LOOPS = (_window_frames_loop, _store_power_loop, _spectral_peaks_loop)
NUMPY = Kernels(window_frames, store_power, spectral_peaks)


@functools.cache
def kernels() -> Kernels:
    """Return the compiled loops where numba is here, else the numpy ones."""
    if os.environ.get(CHOICE) == "numpy" or importlib.util.find_spec("numba") is None:
        return NUMPY
    return _compiled()


def _compiled() -> Kernels:
    """Compile, or load what another task of this user has compiled for this kind of CPU.

    numba's cache lies beside this file, or in the user's home where that cannot be written. A lock
    lets the first of many array tasks fill it while the others wait instead of compiling too.
    """
    from numba import njit

    # No fastmath: it would reorder sums, and the twins would give other bits.
    try:
        cached: Callable[[Any], Any] = njit(cache=True, nogil=True)
        compiled = Kernels(*(cached(loop) for loop in LOOPS))
        folder = Path(cached(LOOPS[0]).stats.cache_path)
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / ".compiling.lock").open("a") as lock:
            with contextlib.suppress(OSError):  # a file system without locks: compile at once
                fcntl.flock(lock, fcntl.LOCK_EX)
            _call_once(compiled)
    except (OSError, RuntimeError) as error:
        log.warning("compiled kernels cannot be cached (%s); they are compiled here", error)
        uncached: Callable[[Any], Any] = njit(nogil=True)
        compiled = Kernels(*(uncached(loop) for loop in LOOPS))
        _call_once(compiled)
    return compiled


def _call_once(compiled: Kernels) -> None:
    row = np.zeros((1, 4), np.float32)
    compiled.window_frames(row[0], np.zeros(4), 0, 1, np.zeros((1, 4)))
    compiled.store_power(np.zeros((4, 1), np.complex128), 0, row)
    compiled.spectral_peaks(row, row[0, :1], 1, 3, 1.0, 4)
