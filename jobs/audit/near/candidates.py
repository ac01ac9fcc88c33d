"""Which pairs of clips are worth a closer look: those whose fingerprints meet in a sorted order."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from jobs.audit.near.fingerprint import NOTHING, SYMBOLS, Fingerprints

Numbers = npt.NDArray[np.int64]

KEY_SYMBOLS, ORDER_SYMBOLS, SYMBOL_BITS = 3, 7, 6  # 60 bits in all
NEIGHBOURS = 8
AGREEING_SYMBOLS = 14  # a symbol has 64 values: unrelated clips agree in about one by chance
# Of a clip that resembles many, as takes of one word by one speaker do, so many of the most alike
# are looked at: 1,750 spoken words made 126,000 pairs. Copies are among the most alike.
KEPT_OF_A_CLIP = 16


@dataclass(frozen=True)
class Candidates:
    """Pairs of clips, ascending, with the shift at which they seemed alike.

    Attributes:
        pairs: int64 [pairs, 2], positions, the lower one first.
        shifts: int64 [pairs], frames by which the second one lags behind the first.
    """

    pairs: Numbers
    shifts: Numbers

    def __len__(self) -> int:
        return len(self.pairs)


def candidates(prints: Fingerprints) -> Candidates:
    """Return the pairs of clips that are worth a look at their features.

    64 times, clips are sorted by ten of their symbols, as in Bawa et al., LSH Forest, 2005. A
    clip and a delayed one become a candidate if at most 8 steps part them in one of these orders,
    share its first three symbols, and at least 14 of all 64. Steps are bounded because many
    clips may share three symbols; duplicates share more and so stand next to each other. In the end
    each clip keeps the 16 with which it shares most.

    Args:
        prints: uint8 [clips, delays, symbols], as `fingerprint` returns them.
    """
    clips, heard = len(prints), np.flatnonzero(prints[:, 0, 0] != NOTHING)
    met = _Met.none()
    for table in range(SYMBOLS):
        met = _Met.all_of([met, *_met(prints, heard, table)]).best()
    met = met.most_alike(clips)
    pairs = np.stack([met.pair // max(1, clips), met.pair % max(1, clips)], axis=1)
    return Candidates(pairs, met.shift)


@dataclass(frozen=True)
class _Met:
    """Pairs as one number each, their shifts, and in how many symbols they agree."""

    pair: Numbers
    shift: Numbers
    agreeing: Numbers

    @classmethod
    def none(cls) -> "_Met":
        nothing = np.empty(0, dtype=np.int64)
        return cls(nothing, nothing, nothing)

    @classmethod
    def all_of(cls, parts: "list[_Met]") -> "_Met":
        fields = ("pair", "shift", "agreeing")
        return cls(*(np.concatenate([getattr(p, name) for p in parts]) for name in fields))

    def best(self) -> "_Met":
        """Keep each pair once, at the shift at which it agrees most, the smallest of equals."""
        order = np.lexsort((self.shift, np.abs(self.shift), -self.agreeing, self.pair))
        first = np.diff(self.pair[order], prepend=-1) != 0
        return self._of(order[first])

    def most_alike(self, clips: int) -> "_Met":
        """Keep what one of both clips has among those with which it agrees most."""
        if not len(self.pair):
            return self
        ends = np.concatenate([self.pair // clips, self.pair % clips])
        pair = np.tile(np.arange(len(self.pair)), 2)
        order = np.lexsort((pair, -self.agreeing[pair], ends))
        starts = np.flatnonzero(np.diff(ends[order], prepend=-1))
        rank = np.arange(len(order)) - np.repeat(starts, np.diff([*starts, len(order)]))
        return self._of(np.unique(pair[order][rank < KEPT_OF_A_CLIP]))

    def _of(self, chosen: Numbers) -> "_Met":
        return _Met(self.pair[chosen], self.shift[chosen], self.agreeing[chosen])


def _met(prints: Fingerprints, heard: Numbers, table: int) -> Iterator[_Met]:
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


def _agreeing(prints: Fingerprints, standing: Numbers, asking: Numbers, delay: int) -> _Met:
    """Return those pairs that agree in enough symbols: `asking` as it is after a delay."""
    agreeing = (prints[standing, 0] == prints[asking, delay]).sum(axis=1, dtype=np.int64)
    kept = (agreeing >= AGREEING_SYMBOLS) & (standing != asking)
    standing, asking = standing[kept], asking[kept]
    pair = np.minimum(standing, asking) * len(prints) + np.maximum(standing, asking)
    # The standing one sounds like the asking one after the delay, so it lags behind it.
    return _Met(pair, np.where(asking < standing, delay, -delay), agreeing[kept])


def _keys(symbols: Fingerprints) -> npt.NDArray[np.uint64]:
    """Return ten symbols as one number that sorts like them."""
    keys = np.zeros(len(symbols), dtype=np.uint64)
    for symbol in symbols.T:
        keys = keys << np.uint64(SYMBOL_BITS) | symbol.astype(np.uint64)
    return keys
