"""Recordings that occur more than once: byte for byte, or encoded again, shifted, louder."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from jobs.audit.joined import JoinedFeatures
from jobs.audit.near_duplicates import Pairs, candidates, fingerprint, verified
from jobs.data.manifest import Clip

Floats = npt.NDArray[np.float32]

EXACT, NEAR = "exact", "near"
BLOCK = 64
# Features of this many clips are held at once while candidates are compared.
CLIPS_AT_ONCE = 2_000


@dataclass(frozen=True)
class Duplicate:
    """Two clips of one recording.

    Attributes:
        one, other: positions in the joined order, labelled clips before test clips; one < other.
        kind: exact (the same bytes) or near.
        similarity: 1 for exact ones, see `near_duplicates.verify`.
        shift_s: seconds by which `other` lags behind `one`.
    """

    one: int
    other: int
    kind: str
    similarity: float = 1.0
    shift_s: float = 0.0

    def where(self, clips: Sequence[Clip]) -> str:
        """Return `training`, `test` or `training and test`."""
        one, other = (clips[p].label is None for p in (self.one, self.other))
        if one != other:
            return "training and test"
        return "test" if one else "training"

    def has_two_labels(self, clips: Sequence[Clip]) -> bool:
        """Return whether both clips have a label, and not the same."""
        labels = {clips[self.one].label, clips[self.other].label}
        return None not in labels and len(labels) == 2


def exact_duplicates(sha256: Sequence[str]) -> list[Duplicate]:
    """Return each clip whose bytes an earlier clip has too, with the first one that has them."""
    first: dict[str, int] = {}
    found = []
    for position, digest in enumerate(sha256):
        if digest and (before := first.setdefault(digest, position)) != position:
            found.append(Duplicate(before, position, EXACT))
    return found


def near_duplicates(features: JoinedFeatures, left_out: set[int]) -> list[Duplicate]:
    """Return pairs of clips that sound like one recording.

    Args:
        features: of a kind in which clips can be compared.
        left_out: positions that are exact duplicates of an earlier clip.
    """
    shown = [p for p in features.readable(range(len(features))) if p not in left_out]
    positions = np.array(shown, dtype=np.int64)
    if len(positions) < 2:
        return []
    prints = np.concatenate([fingerprint(block) for block in _blocks(features, positions)])
    config = features.config
    frame_s = config.hop_length / config.sample_rate
    found = []
    for pairs in _batches(positions[candidates(prints)]):
        wanted = np.unique(pairs)
        log_mel = dict(zip(wanted.tolist(), _log_mel(features, wanted), strict=True))
        for pair in verified(pairs, log_mel):
            shift_s = pair.shift * frame_s
            found.append(Duplicate(pair.one, pair.other, NEAR, pair.similarity, shift_s))
    return found


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


def _batches(pairs: Pairs) -> Iterator[Pairs]:
    """Cut pairs into runs that name a bounded number of clips."""
    for start in range(0, len(pairs), CLIPS_AT_ONCE // 2):
        yield pairs[start : start + CLIPS_AT_ONCE // 2]


def suggested_groups(clips: Sequence[Clip], duplicates: Sequence[Duplicate]) -> dict[int, str]:
    """Return the group of each labelled clip that should have one, by position.

    Clips of one recording get one group; groups that the clips have already are kept, and joined
    where a recording lies in two of them.

    Args:
        clips: the labelled ones.
        duplicates: between any clips.
    """
    parent: dict[int, int] = {}

    def root(position: int) -> int:
        while (above := parent.get(position, position)) != position:
            position = above
        return position

    def join(one: int, other: int) -> None:
        low, high = sorted((root(one), root(other)))
        parent[high] = low

    first_of: dict[str, int] = {}
    for position, clip in enumerate(clips):
        if clip.group is not None:
            join(position, first_of.setdefault(clip.group, position))
    for pair in duplicates:  # test clips too: two clips that both sound like one are related
        join(pair.one, pair.other)
    members: dict[int, list[int]] = defaultdict(list)
    for position in range(len(clips)):
        members[root(position)].append(position)
    suggested: dict[int, str] = {}
    for positions in members.values():
        names = [name for p in positions if (name := clips[p].group) is not None]
        if names or len(positions) > 1:
            name = names[0] if names else f"same-as-{clips[positions[0]].id}"
            suggested |= dict.fromkeys(positions, name)
    return suggested
