"""Clips of one recording together: twenty copies are one finding and not 190 pairs."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from jobs.audit.duplicates import EXACT, NEAR, OVERLAP, Duplicate
from jobs.data.manifest import Clip


class Joined:
    """Sets of positions that are joined pair by pair."""

    def __init__(self) -> None:
        self._above: dict[int, int] = {}

    def join(self, one: int, other: int) -> None:
        low, high = sorted((self.root(one), self.root(other)))
        self._above[high] = low

    def root(self, position: int) -> int:
        """Return the lowest position of the set."""
        while (above := self._above.get(position, position)) != position:
            position = above
        return position

    def sets(self, positions: Iterable[int]) -> list[list[int]]:
        """Return the sets that the positions form, each ascending, in the order of their first."""
        members: dict[int, list[int]] = defaultdict(list)
        for position in sorted(positions):
            members[self.root(position)].append(position)
        return list(members.values())


@dataclass(frozen=True)
class Cluster:
    """Clips of one recording.

    Attributes:
        positions: of the clips in the joined order, ascending.
        kind: exact if all have the same bytes, overlap if some are other cuts, else near.
        similarity: the lowest correlation of the pairs that made it; 1 for exact ones.
        shift_s: the largest shift between two of them, in seconds.
    """

    positions: tuple[int, ...]
    kind: str
    similarity: float
    shift_s: float

    def where(self, clips: Sequence[Clip]) -> str:
        """Return `training`, `test` or `training and test`."""
        sides = {clips[p].label is None for p in self.positions}
        if len(sides) == 2:
            return "training and test"
        return "test" if True in sides else "training"

    def labels(self, clips: Sequence[Clip]) -> list[str]:
        """Return the labels that its clips have, sorted."""
        return sorted({label for p in self.positions if (label := clips[p].label) is not None})


def clusters(duplicates: Sequence[Duplicate]) -> tuple[Cluster, ...]:
    """Join pairs to clusters, in the order of their first clips."""
    joined = Joined()
    for pair in duplicates:
        joined.join(pair.one, pair.other)
    pairs: dict[int, list[Duplicate]] = defaultdict(list)
    for pair in duplicates:
        pairs[joined.root(pair.one)].append(pair)
    members = {position for pair in duplicates for position in (pair.one, pair.other)}
    return tuple(
        Cluster(
            positions=tuple(positions),
            kind=_kind({pair.kind for pair in pairs[positions[0]]}),
            similarity=min(pair.similarity for pair in pairs[positions[0]]),
            shift_s=max((pair.shift_s for pair in pairs[positions[0]]), key=abs),
        )
        for positions in joined.sets(members)
    )


def _kind(kinds: set[str]) -> str:
    return next(kind for kind in (OVERLAP, NEAR, EXACT) if kind in kinds)


def suggested_groups(clips: Sequence[Clip], duplicates: Sequence[Duplicate]) -> dict[int, str]:
    """Return the group of each labelled clip that should have one, by position.

    Clips of one recording get one group; groups that the clips have already are kept, and joined
    where a recording lies in two of them.

    Args:
        clips: the labelled ones.
        duplicates: between any clips.
    """
    joined = Joined()
    first_of: dict[str, int] = {}
    for position, clip in enumerate(clips):
        if clip.group is not None:
            joined.join(position, first_of.setdefault(clip.group, position))
    for pair in duplicates:  # test clips too: two clips that both sound like one are related
        joined.join(pair.one, pair.other)
    suggested: dict[int, str] = {}
    for positions in joined.sets(range(len(clips))):
        names = [name for p in positions if (name := clips[p].group) is not None]
        if names or len(positions) > 1:
            name = names[0] if names else f"same-as-{clips[positions[0]].id}"
            suggested |= dict.fromkeys(positions, name)
    return suggested
