"""A clip as 64 symbols: clips of one recording share many of them."""

import numpy as np
import numpy.typing as npt

from jobs.audit.near.fluctuations import audible, fluctuations, moving_mean

Floats = npt.NDArray[np.float32]
Fingerprints = npt.NDArray[np.uint8]

MAX_SHIFT = 12  # frames of 23 ms, as 22,050 Hz and a hop of 512 give them
TREND = 31
SMOOTHING, SAMPLED_EVERY = 5, 4

BAND_GROUPS, SYMBOLS, DIRECTIONS = 10, 64, 32
NOTHING = np.uint8(255)  # the symbol of a clip without fluctuations: silence, a steady tone
EVIDENCE = 10.0  # dB, summed over cells; less fluctuation than this says little


def fingerprint(features: Floats) -> Fingerprints:
    """Return 64 symbols a clip, once for each delay from 0 to 12 frames.

    A symbol tells which of 32 random directions the fluctuations point along, or against: the
    cross-polytope hash of Andoni et al., Practical and Optimal LSH for Angular Distance, 2015.
    Clips agree in a symbol the likelier, the more their fluctuations correlate.

    Args:
        features: float32 [clips, bands, frames], log-mel spectrograms in dB.

    Returns:
        uint8 [clips, 13 delays, 64 symbols], NOTHING everywhere if a clip does not fluctuate.
    """
    weight = audible(features)
    rough = _coarse(fluctuations(features, weight, TREND))
    clips, groups, frames = rough.shape
    delayed = np.pad(rough, ((0, 0), (0, 0), (MAX_SHIFT, 0)))
    shape = groups * len(range(0, frames, SAMPLED_EVERY)), SYMBOLS * DIRECTIONS
    directions = np.random.default_rng(0).standard_normal(shape, dtype=np.float32)
    prints = np.empty((clips, MAX_SHIFT + 1, SYMBOLS), dtype=np.uint8)
    for delay in range(MAX_SHIFT + 1):
        start = MAX_SHIFT - delay
        sampled = delayed[:, :, start : start + frames : SAMPLED_EVERY]
        along = (sampled.reshape(clips, -1) @ directions).reshape(clips, SYMBOLS, DIRECTIONS)
        furthest = np.abs(along).argmax(axis=2)
        against = np.take_along_axis(along, furthest[:, :, None], axis=2)[:, :, 0] < 0
        prints[:, delay] = furthest + DIRECTIONS * against
    prints[np.abs(rough).sum(axis=(1, 2)) < EVIDENCE] = NOTHING
    return prints


def _coarse(values: Floats) -> Floats:
    """Return sums over groups of bands, smoothed so that half a frame of shift changes little."""
    groups = np.array_split(values, min(BAND_GROUPS, values.shape[1]), axis=1)
    sums = np.stack([group.sum(axis=1) for group in groups], axis=1)
    return moving_mean(moving_mean(sums, SMOOTHING), SMOOTHING)
