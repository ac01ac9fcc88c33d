"""What of a log-mel spectrogram is particular to one recording: how it fluctuates.

Each cell's level is compared with its frame's mean and with its band's trend around it. Loudness
and timbre, which different recordings share, are gone from that. What is left is particular to one
recording, even of rain.
"""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]


def audible(features: Floats) -> Floats:
    """Return a weight in [0, 1] for each cell of the lower 5/8 of the bands.

    Encoders spend their bits on what is loud and below 4 kHz; the rest differs between two
    encodings. The threshold lies 20 dB below the loudest twentieth of the cells, so that after a
    short loud sound the faint rest is still heard; 10 dB above it a cell counts fully.
    """
    lower = features[:, : features.shape[1] * 5 // 8]
    loud = np.quantile(lower.reshape(len(lower), -1), 0.95, axis=1).astype(np.float32)
    threshold = np.clip(loud - 20, -70, -50)[:, None, None]
    return np.clip((lower - threshold) / 10, 0, 1)


def fluctuations(features: Floats, weight: Floats, window: int) -> Floats:
    """Return by how many dB audible cells differ from their frame's mean and band's trend.

    The less of the window is audible, from half of it downwards, the less of the trend is
    subtracted: a click would vanish with it.
    """
    level = features[:, : weight.shape[1]] * weight
    frame = level.sum(axis=1, keepdims=True) / at_least(weight.sum(axis=1, keepdims=True))
    level -= weight * frame
    share = moving_mean(weight, window)
    trend = moving_mean(level, window) / at_least(share) * np.minimum(1, share / 0.5)
    return level - weight * trend


def at_least(sums: Floats) -> Floats:
    return np.maximum(sums, np.float32(1e-3))


def moving_mean(values: Floats, window: int) -> Floats:
    """Return the mean over `window` frames around each frame; beyond the clip there are zeros."""
    padded = np.pad(values, ((0, 0), (0, 0), (window // 2 + 1, window // 2)))
    sums = np.cumsum(padded, axis=2, dtype=np.float64)
    return ((sums[:, :, window:] - sums[:, :, :-window]) / window).astype(np.float32)
