"""Near-duplicates: the same recording encoded again, shifted by up to 0.25 s, louder or softer.

Three steps, so that features are streamed once and no two clips are compared without a reason:
`fingerprint` turns a block of features into 832 bytes a clip, `candidates` finds the pairs of
clips whose fingerprints agree, `verify` compares the features of such a pair.

All of it looks at *fluctuations*: by how many dB each band of each frame differs from the frame's
mean and from the band's trend around it. Loudness and timbre, which different recordings share,
are gone from them. What is left is particular to one recording, even of rain.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Fingerprints = npt.NDArray[np.uint8]
Pairs = npt.NDArray[np.int64]

SIMILAR = 0.55  # different recordings of ESC-10 stay below 0.1, one at 32 kbit/s above 0.7

# In frames of 23 ms, as 22,050 Hz and a hop of 512 give them.
MAX_SHIFT = 12
VERIFIED_TREND, FINGERPRINTED_TREND = 15, 31
SMOOTHING, SAMPLED_EVERY = 5, 4

BAND_GROUPS, SYMBOLS, DIRECTIONS = 10, 64, 32
NOTHING = np.uint8(255)  # the symbol of a clip without fluctuations: silence, a steady tone

KEY_SYMBOLS, ORDER_SYMBOLS, SYMBOL_BITS = 3, 7, 6  # 60 bits in all
NEIGHBOURS = 8
AGREEING_SYMBOLS = 14  # a symbol has 64 values: unrelated clips agree in about one by chance

EVIDENCE = 100.0  # dB, summed over cells; less fluctuation than this says little
LARGEST = 8.0  # dB; how a sound begins and ends says no more, for many begin and end alike


@dataclass(frozen=True)
class NearDuplicate:
    """Two clips of one recording.

    Attributes:
        one, other: positions of the clips, one < other.
        similarity: in [SIMILAR, 1], see `verify`.
        shift: frames by which `other` lags behind `one`.
    """

    one: int
    other: int
    similarity: float
    shift: int


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
    weight = _audible(features)
    rough = _coarse(_fluctuations(features, weight, FINGERPRINTED_TREND))
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
    prints[np.abs(rough).sum(axis=(1, 2)) < EVIDENCE / 10] = NOTHING
    return prints


def candidates(prints: Fingerprints) -> Pairs:
    """Return the pairs of clips that are worth a look at their features.

    64 times, clips are sorted by ten of their symbols, as in Bawa et al., LSH Forest, 2005. A
    clip and a delayed one become a candidate if at most 8 steps part them in one of these orders,
    share its first three symbols, and at least 14 of all 64. Steps are bounded because many
    clips may share three symbols; duplicates share more and so stand next to each other.

    Args:
        prints: uint8 [clips, delays, symbols], as `fingerprint` returns them.

    Returns:
        int64 [pairs, 2], positions of the clips, the lower one first, ascending.
    """
    clips, heard = len(prints), np.flatnonzero(prints[:, 0, 0] != NOTHING)
    found = [np.empty(0, dtype=np.int64)]
    for table in range(SYMBOLS):
        for one, other in _met(prints, heard, table):
            found.append(np.unique(np.minimum(one, other) * clips + np.maximum(one, other)))
    pairs = np.unique(np.concatenate(found))
    return np.stack([pairs // clips, pairs % clips], axis=1)


def verify(one: Floats, other: Floats) -> tuple[float, int]:
    """Return how similar two clips are at the best shift, and that shift.

    Different recordings differ by as much as they fluctuate, or more; the same recording differs
    by what the encoders did to it. So the similarity is 1 - 2 (d / f)², with d the mean
    difference of their cells, frame by frame regardless of gain, and f the sum of their mean
    fluctuations: for normal fluctuations around equal trends their correlation. It is lowered
    if less than 0.8 of what is audible in either is so in both, or if hardly anything fluctuates.

    Args:
        one, other: float32 [bands, frames], as for `fingerprint`.

    Returns:
        similarity in [-1, 1], and by how many frames `other` lags behind `one`.
    """
    features = np.stack([one, other])
    weight = _audible(features)
    rough = _fluctuations(features, weight, VERIFIED_TREND)
    extent = np.minimum(np.abs(rough), LARGEST)
    limit = min(MAX_SHIFT, features.shape[2] // 2)
    scores = {
        lag: _similarity(*(_in_common(a, lag) for a in (features, weight, extent)))
        for lag in sorted(range(-limit, limit + 1), key=abs)
    }
    best = max(scores, key=lambda lag: scores[lag])
    return scores[best], best


def verified(pairs: Pairs, features: Mapping[int, Floats] | Floats) -> list[NearDuplicate]:
    """Return those candidates whose features are similar, in the order of the candidates.

    Args:
        pairs: int64 [pairs, 2], as `candidates` returns them.
        features: float32 [bands, frames] by position, at least of the clips in `pairs`.
    """
    found = []
    for one, other in pairs.tolist():
        similarity, shift = verify(features[one], features[other])
        if similarity >= SIMILAR:
            found.append(NearDuplicate(one, other, similarity, shift))
    return found


def _in_common(clips: Floats, lag: int) -> Floats:
    """Return [2, bands, frames] of what both clips hold if the second lags by `lag` frames."""
    frames = clips.shape[2] - abs(lag)
    starts = max(0, -lag), max(0, lag)
    return np.stack([clips[k, :, start : start + frames] for k, start in enumerate(starts)])


def _similarity(features: Floats, weight: Floats, extent: Floats) -> float:
    both = weight.min(axis=0)
    common = float(both.sum() / max(weight.max(axis=0).sum(), 1.0))
    difference = features[0, : len(both)] - features[1, : len(both)]
    difference -= (both * difference).sum(axis=0) / _at_least(both.sum(axis=0))
    differing = float((both * np.abs(difference)).sum())
    fluctuating = float((both * extent.sum(axis=0)).sum())
    similarity = max(-1.0, 1 - 2 * (differing / max(fluctuating, 1e-3)) ** 2)
    return similarity * fluctuating / (fluctuating + EVIDENCE) * min(1.0, common / 0.8)


def _audible(features: Floats) -> Floats:
    """Return a weight in [0, 1] for each cell of the lower 5/8 of the bands.

    Encoders spend their bits on what is loud and below 4 kHz; the rest differs between two
    encodings. The threshold lies 20 dB below the loudest twentieth of the cells, so that after a
    short loud sound the faint rest is still heard; 10 dB above it a cell counts fully.
    """
    lower = features[:, : features.shape[1] * 5 // 8]
    loud = np.quantile(lower.reshape(len(lower), -1), 0.95, axis=1).astype(np.float32)
    threshold = np.clip(loud - 20, -70, -50)[:, None, None]
    return np.clip((lower - threshold) / 10, 0, 1)


def _fluctuations(features: Floats, weight: Floats, window: int) -> Floats:
    """Return by how many dB audible cells differ from their frame's mean and band's trend.

    The less of the window is audible, from half of it downwards, the less of the trend is
    subtracted: a click would vanish with it.
    """
    level = features[:, : weight.shape[1]] * weight
    frame = level.sum(axis=1, keepdims=True) / _at_least(weight.sum(axis=1, keepdims=True))
    level -= weight * frame
    share = _moving_mean(weight, window)
    trend = _moving_mean(level, window) / _at_least(share) * np.minimum(1, share / 0.5)
    return level - weight * trend


def _at_least(sums: Floats) -> Floats:
    return np.maximum(sums, np.float32(1e-3))


def _moving_mean(values: Floats, window: int) -> Floats:
    """Return the mean over `window` frames around each frame; beyond the clip there are zeros."""
    padded = np.pad(values, ((0, 0), (0, 0), (window // 2 + 1, window // 2)))
    sums = np.cumsum(padded, axis=2, dtype=np.float64)
    return ((sums[:, :, window:] - sums[:, :, :-window]) / window).astype(np.float32)


def _coarse(values: Floats) -> Floats:
    """Return sums over groups of bands, smoothed so that half a frame of shift changes little."""
    groups = np.array_split(values, min(BAND_GROUPS, values.shape[1]), axis=1)
    sums = np.stack([group.sum(axis=1) for group in groups], axis=1)
    return _moving_mean(_moving_mean(sums, SMOOTHING), SMOOTHING)


def _met(prints: Fingerprints, heard: Pairs, table: int) -> Iterator[tuple[Pairs, Pairs]]:
    """Yield the pairs of clips that meet in one of the orders, one delay at a time."""
    steps = table + np.arange(KEY_SYMBOLS + ORDER_SYMBOLS) * (1 + 2 * (table % 16))
    used = steps % SYMBOLS
    keys = _keys(prints[heard, 0][:, used])
    order = np.argsort(keys, kind="stable")  # whom equal keys stand next to is no chance
    keys, standing = keys[order], heard[order]
    for delay in range(prints.shape[1]):
        asked = _keys(prints[heard, delay][:, used])
        by_key = np.argsort(asked)  # searching in order is three times as fast
        asked, asking = asked[by_key], heard[by_key]
        rank = np.searchsorted(keys, asked)
        for way, at in ((1, rank), (-1, rank - 1)):
            meeting = np.arange(len(asked))
            for _ in range(NEIGHBOURS):
                # Who differs from a neighbour in the key differs from those beyond, too.
                at = np.clip(at, 0, len(keys) - 1)
                near = (keys[at] ^ asked[meeting]) >> (SYMBOL_BITS * ORDER_SYMBOLS) == 0
                at, meeting = at[near], meeting[near]
                yield _agreeing(prints, standing[at], asking[meeting], delay)
                at += way


def _agreeing(prints: Fingerprints, one: Pairs, other: Pairs, delay: int) -> tuple[Pairs, Pairs]:
    agreeing = (prints[one, 0] == prints[other, delay]).sum(axis=1, dtype=np.uint8)
    kept = (agreeing >= AGREEING_SYMBOLS) & (one != other)
    return one[kept], other[kept]


def _keys(symbols: Fingerprints) -> npt.NDArray[np.uint64]:
    """Return ten symbols as one number that sorts like them."""
    keys = np.zeros(len(symbols), dtype=np.uint64)
    for symbol in symbols.T:
        keys = keys << np.uint64(SYMBOL_BITS) | symbol.astype(np.uint64)
    return keys
