"""Recordings that occur more than once: byte for byte, or encoded again, shifted, louder."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from jobs.audit.joined import JoinedFeatures
from jobs.audit.near.candidates import Candidates, candidates
from jobs.audit.near.fingerprint import fingerprint
from jobs.audit.near.samples import Heard, match
from jobs.audit.near.similarity import SimilarPair, verified
from jobs.extract.audio.decode import DecodeError, decode
from jobs.progress import Progress

Floats = npt.NDArray[np.float32]

log = logging.getLogger(__name__)

EXACT, NEAR = "exact", "near"
BLOCK = 64
# Features of this many clips are held at once while candidates are compared.
CLIPS_AT_ONCE = 2_000
# Samples of as many clips are held while pairs are confirmed; of clips of six seconds, 500.
BYTES_HEARD_AT_ONCE = 256 * 1024**2
# At 5 to 20 ms a pair, a quarter of an hour.
MOST_CONFIRMED = 50_000


@dataclass(frozen=True)
class Duplicate:
    """Two clips of one recording.

    Attributes:
        one, other: positions in the joined order, labelled clips before test clips; one < other.
        kind: exact (the same bytes) or near.
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
    prints = np.concatenate([fingerprint(block) for block in _blocks(features, positions)])
    found = candidates(prints)
    similar: list[SimilarPair] = []
    for part in _parts(Candidates(positions[found.pairs], found.shifts)):
        wanted = np.unique(part.pairs)
        log_mel = dict(zip(wanted.tolist(), _log_mel(features, wanted), strict=True))
        similar += verified(part, log_mel)
    return list(_confirmed(features, similar))


def _confirmed(features: JoinedFeatures, similar: Sequence[SimilarPair]) -> Iterator[Duplicate]:
    """Yield those pairs whose samples are those of one recording, in the order of the pairs."""
    if len(similar) > MOST_CONFIRMED:
        log.warning(
            "%d pairs of clips look alike; the %d most similar ones are compared by their samples",
            len(similar), MOST_CONFIRMED,
        )  # fmt: skip
        similar = sorted(similar, key=lambda pair: -pair.similarity)[:MOST_CONFIRMED]

    @lru_cache(maxsize=max(2, BYTES_HEARD_AT_ONCE // (4 * features.config.samples)))
    def heard(position: int) -> Heard:
        try:
            samples, _ = decode(features.file_of(position), features.config)
        except DecodeError:  # the file is another one by now
            samples = np.empty(0, dtype=np.float32)
        return Heard.of(samples, features.config.sample_rate)

    progress = Progress("compare", len(similar), "pairs")
    for pair in progress.over(sorted(similar, key=lambda pair: (pair.one, pair.other))):
        found = match(heard(pair.one), heard(pair.other))
        if found.is_same:
            yield Duplicate(pair.one, pair.other, NEAR, found.correlation, found.shift_s)


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
