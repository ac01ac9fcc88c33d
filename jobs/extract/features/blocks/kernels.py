"""Inner loops that numba compiles: what numpy would do in several passes over a clip's spectrum.

librosa requires numba, so nothing is installed for them.
"""

import contextlib
import fcntl
import functools
import logging
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Reals = npt.NDArray[np.floating[Any]]
Spectra = npt.NDArray[np.complexfloating[Any, Any]]
Numbers = npt.NDArray[np.int64]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Kernels:
    """The compiled loops.

    Attributes:
        window_frames: (samples, window, first, hop, out): the centred frames `first` and following,
            zero beyond the samples' ends, times `window`, into `out` [frames, n_fft], which is of
            the window's type.
        store_power: (spectra [frames, bins], first, out): squared magnitudes, turned, into the
            columns `first` and following of float32 `out` [bins, all frames].
        sum_bands: (spectra [bins, frames], low, high, weights, first, out): weighted sums of the
            squared magnitudes of the bins from `low` up to `high` of each band, whose `weights` lie
            one behind the other, into the columns `first` and following of float32 `out` [bands,
            all frames].
        spectral_peaks: (spectrogram [frames, bins], floor [frames], low, high, sample_rate, n_fft):
            pitch in Hz and level of each local maximum above the floor between the bins `low` and
            `high`, each float32 [peaks], interpolated by a parabola.
    """

    window_frames: Callable[[Floats, Reals, int, int, Reals], None]
    store_power: Callable[[Spectra, int, Floats], None]
    sum_bands: Callable[[Spectra, Numbers, Numbers, Floats, int, Floats], None]
    spectral_peaks: Callable[[Floats, Floats, int, int, float, int], tuple[Floats, Floats]]


def _window_frames(samples: Floats, window: Reals, first: int, hop_length: int, out: Reals) -> None:
    length = window.shape[0]
    for frame in range(out.shape[0]):
        start = (first + frame) * hop_length - length // 2
        low, high = max(0, -start), min(length, samples.shape[0] - start)
        row = out[frame]
        row[:low] = 0
        row[high:] = 0
        some, weights, inside = samples[start + low : start + high], window[low:high], row[low:high]
        for n in range(high - low):
            inside[n] = some[n] * weights[n]


def _store_power(spectra: Spectra, first: int, out: Floats) -> None:
    for k in range(spectra.shape[1]):
        for frame in range(spectra.shape[0]):
            value = spectra[frame, k]
            out[k, first + frame] = value.real * value.real + value.imag * value.imag


def _sum_bands(
    spectra: Spectra, low: Numbers, high: Numbers, weights: Floats, first: int, out: Floats
) -> None:
    # All inner loops go over frames: only so may the compiler add several numbers at a time.
    frames = spectra.shape[1]
    power = np.empty((spectra.shape[0], frames), np.float32)
    for k in range(spectra.shape[0]):
        values, row = spectra[k], power[k]
        for n in range(frames):
            row[n] = values[n].real * values[n].real + values[n].imag * values[n].imag
    sums, at = np.empty(frames, np.float32), 0
    for band in range(low.shape[0]):
        sums[:] = 0
        for k in range(low[band], high[band]):
            weight, row = weights[at], power[k]
            at += 1
            for n in range(frames):
                sums[n] += weight * row[n]
        out[band, first : first + frames] = sums


def _spectral_peaks(
    spectrogram: Floats, floor: Floats, low: int, high: int, sample_rate: float, n_fft: int
) -> tuple[Floats, Floats]:
    # Of two neighbours at most one is a peak.
    most = spectrogram.shape[0] * ((high - low) // 2 + 1)
    pitch, level = np.empty(most, np.float32), np.empty(most, np.float32)
    zero, half, two = np.float32(0), np.float32(0.5), np.float32(2)
    count = 0
    for frame in range(spectrogram.shape[0]):
        row, least = spectrogram[frame], floor[frame]
        for k in range(low, high):
            left, peak, right = row[k - 1], row[k], row[k + 1]
            if not peak > least or left >= peak or right > peak:
                continue
            # float32 and float64 mixed as librosa's stencil mixes them: one ulp of a pitch can
            # move the fullest bin of the tuning's histogram.
            curve = np.float64(right + left) - 2.0 * np.float64(peak)
            slope = np.float64(right - left) / 2.0
            shift = zero if abs(slope) >= abs(curve) else np.float32(-slope / curve)
            level[count] = peak + half * ((right - left) / two) * shift
            pitch[count] = np.float32((k + np.float64(shift)) * sample_rate / n_fft)
            count += 1
    return pitch[:count], level[:count]


LONGEST_WAIT_S, POLL_S = 20.0, 0.05
LOOPS = (_window_frames, _store_power, _sum_bands, _spectral_peaks)


@functools.cache
def kernels() -> Kernels:
    """Compile the loops, or load what another task of this user compiled for this kind of CPU.

    numba's cache lies beside this file, or in the user's home where that cannot be written. A lock
    lets the first of many array tasks fill it while the others wait instead of compiling too: a
    task starts in 1.3 s with the cache and in 2.1 s without (see benchmarks/README.md).
    """
    from numba import njit

    # No fastmath: it would reorder sums, and other CPUs would give other bits.
    try:
        cached: Callable[[Any], Any] = njit(cache=True, nogil=True)
        compiled = Kernels(*(cached(loop) for loop in LOOPS))
        folder = Path(cached(LOOPS[0]).stats.cache_path)
        folder.mkdir(parents=True, exist_ok=True)
        with _compiling_alone(folder / ".compiling.lock"):
            _call_once(compiled)
    except (OSError, RuntimeError) as error:
        log.warning("compiled kernels cannot be cached (%s); they are compiled here", error)
        uncached: Callable[[Any], Any] = njit(nogil=True)
        compiled = Kernels(*(uncached(loop) for loop in LOOPS))
        _call_once(compiled)
    return compiled


@contextlib.contextmanager
def _compiling_alone(path: Path) -> Iterator[None]:
    """Wait while another task compiles, but no longer than compiling takes: it is no harm twice."""
    lock = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        waiting_until = time.monotonic() + LONGEST_WAIT_S
        while time.monotonic() < waiting_until:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                time.sleep(POLL_S)
            except OSError:  # a file system without locks
                break
        yield
    finally:
        os.close(lock)


def _call_once(compiled: Kernels) -> None:
    row = np.zeros((1, 4), np.float32)
    for real, complex_ in ((np.float64, np.complex128), (np.float32, np.complex64)):
        compiled.window_frames(row[0], np.zeros(4, real), 0, 1, np.zeros((1, 4), real))
        compiled.store_power(np.zeros((4, 1), complex_), 0, row)
    one = np.ones(1, np.int64)
    compiled.sum_bands(row.astype(np.complex64), 0 * one, one, row[0, :1], 0, row.copy())
    compiled.spectral_peaks(row, row[0, :1], 1, 3, 1.0, 4)
