"""Recordings that occur more than once: the same bytes, encoded again, shifted, cut elsewhere."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from jobs.audit.joined import JoinedFeatures
from jobs.audit.near.candidates import Candidates, candidates
from jobs.audit.near.fingerprint import MAX_SHIFT, fingerprint
from jobs.audit.near.landmarks import Landmarks, landmarks
from jobs.audit.near.overlaps import overlapping, share_kept
from jobs.audit.near.samples import Heard, match
from jobs.audit.near.similarity import SimilarPair, verified
from jobs.extract.audio.decode import DecodeError, decode
from jobs.progress import Progress

Floats = npt.NDArray[np.float32]

log = logging.getLogger(__name__)

EXACT, NEAR, OVERLAP = "exact", "near", "overlap"
BLOCK = 64
# Features of this many clips are held at once while candidates are compared.
CLIPS_AT_ONCE = 2_000
# Samples of as many clips are held while pairs are confirmed; of clips of six seconds, 500.
BYTES_HEARD_AT_ONCE = 256 * 1024**2
# At 5 to 20 ms a pair, a quarter of an hour.
MOST_CONFIRMED = 50_000
# Cuts that have less than this in common are not looked for.
LEAST_OVERLAP_S, LEAST_OVERLAP = 2.0, 0.5


@dataclass(frozen=True)
class Duplicate:
    """Two clips of one recording.

    Attributes:
        one, other: positions in the joined order, labelled clips before test clips; one < other.
        kind: exact (the same bytes), near (the same sound), or overlap (two cuts of one recording
            that have two seconds or half a clip in common).
        similarity: 1 for exact ones, else how their samples correlate, see `near.samples`.
        shift_s: seconds by which `other` lags behind `one`.
    """

    one: int
    other: int
    kind: str
    similarity: float = 1.0
    shift_s: float = 0.0


def exact_duplicates(sha256: Sequence[str]) -> list[Duplicate]:
    """Return each clip whose bytes an earlier clip has too, with the first one that has them."""
    first: dict[str, int] = {}
    found = []
    for position, digest in enumerate(sha256):
        if digest and (before := first.setdefault(digest, position)) != position:
            found.append(Duplicate(before, position, EXACT))
    return found


def near_duplicates(features: JoinedFeatures, left_out: set[int]) -> list[Duplicate]:
    """Return pairs of clips that are one recording.

    They are found by what spectrograms look like and confirmed by the samples. The cost is bounded:
    a clip has 16 candidates at most, or those to whom it is one of 16, and of all pairs that look
    alike the 50,000 most similar ones are confirmed.

    Args:
        features: of a kind in which clips can be compared.
        left_out: positions that are exact duplicates of an earlier clip.

    Raises:
        OSError: a recording cannot be read now.
    """
    shown = [p for p in features.readable(range(len(features))) if p not in left_out]
    positions = np.array(shown, dtype=np.int64)
    if len(positions) < 2:
        return []
    found = _candidates(features, positions)
    similar: list[SimilarPair] = []
    for part in _parts(Candidates(positions[found.pairs], found.shifts)):
        wanted = np.unique(part.pairs)
        log_mel = dict(zip(wanted.tolist(), _log_mel(features, wanted), strict=True))
        similar += verified(part, log_mel)
    # Of a pair that looks alike at two shifts, the one at which it looks more so.
    best = {(pair.one, pair.other): pair for pair in sorted(similar, key=lambda p: p.similarity)}
    return list(_confirmed(features, list(best.values())))


def _candidates(features: JoinedFeatures, positions: npt.NDArray[np.int64]) -> Candidates:
    """Return the pairs, as positions in `positions`, that are worth a look at their features."""
    frames, seconds = features.config.shape[-1], features.config.seconds
    share = share_kept(len(positions), frames)
    prints, marks, done = [], [], 0
    for block in _blocks(features, positions):
        prints.append(fingerprint(block))
        marks.append(landmarks(block, first_clip=done).some(share))
        done += len(block)
    found = candidates(np.concatenate(prints))
    del prints
    least = frames * min(LEAST_OVERLAP_S / seconds, LEAST_OVERLAP)
    # Windows of the transform reach over the ends of what is in common.
    cuts = overlapping(Landmarks.joined(marks), done, frames, int(0.9 * least), share)
    return found.and_(cuts)


def _confirmed(features: JoinedFeatures, similar: Sequence[SimilarPair]) -> Iterator[Duplicate]:
    """Yield those pairs whose samples are those of one recording, in the order of the pairs."""
    if len(similar) > MOST_CONFIRMED:
        log.warning(
            "%d pairs of clips look alike; the %d most similar ones are compared by their samples",
            len(similar), MOST_CONFIRMED,
        )  # fmt: skip
        similar = sorted(similar, key=lambda pair: -pair.similarity)[:MOST_CONFIRMED]

    rate, hop = features.config.sample_rate, features.config.hop_length

    @lru_cache(maxsize=max(2, BYTES_HEARD_AT_ONCE // (4 * features.config.samples)))
    def samples_of(position: int) -> Floats:
        try:
            return decode(features.file_of(position), features.config)[0]
        except DecodeError:  # the file is another one by now
            return np.empty(0, dtype=np.float32)

    @lru_cache(maxsize=samples_of.cache_parameters()["maxsize"])
    def heard(position: int) -> Heard:
        return Heard.of(samples_of(position), rate)

    progress = Progress("compare", len(similar), "pairs")
    for pair in progress.over(sorted(similar, key=lambda pair: (pair.one, pair.other))):
        if abs(pair.shift) <= MAX_SHIFT:
            found, lag, kind = match(heard(pair.one), heard(pair.other)), 0, NEAR
        else:
            lag, kind = pair.shift * hop, OVERLAP
            parts = in_common(samples_of(pair.one), samples_of(pair.other), lag)
            found = match(*(Heard.of(part, rate) for part in parts))
        if found.is_same:
            shift_s = found.shift_s + lag / rate
            yield Duplicate(pair.one, pair.other, kind, found.correlation, shift_s)


def in_common(one: Floats, other: Floats, lag: int) -> tuple[Floats, Floats]:
    """Return what two cuts have in common, if the second one lags by so many samples.

    Args:
        one, other: float32 [samples], as many of both.
        lag: of `other` behind `one`.
    """
    length = max(0, min(len(one), len(other)) - abs(lag))
    return one[max(0, -lag) :][:length], other[max(0, lag) :][:length]


def _blocks(features: JoinedFeatures, positions: npt.NDArray[np.int64]) -> Iterator[Floats]:
    """Yield log-mel spectrograms of a few clips at a time, in the order of `positions`.

    Positions ascend and shards are contiguous, so that each shard is read once.
    """
    config = features.config
    for offsets, shard in features.blocks(positions.tolist()):
        assert (np.diff(offsets) == 1).all()
        for start in range(0, len(shard), BLOCK):
            yield config.kind.log_mel(shard[start : start + BLOCK], config)


def _log_mel(features: JoinedFeatures, positions: npt.NDArray[np.int64]) -> Floats:
    config = features.config
    return config.kind.log_mel(features.load(positions.tolist()), config)


def _parts(found: Candidates) -> Iterator[Candidates]:
    """Cut candidates into runs that name a bounded number of clips."""
    for start in range(0, len(found), CLIPS_AT_ONCE // 2):
        part = slice(start, start + CLIPS_AT_ONCE // 2)
        yield Candidates(found.pairs[part], found.shifts[part])
