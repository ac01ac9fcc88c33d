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
# A pair that has met is one number, because millions are sorted: (lower clip * clips + higher clip)
# * PAIR + symbols that agree * ORDERED_SHIFTS + a number for the shift, largest for no shift.
ORDERED_SHIFTS = 64
PAIR = 128 * ORDERED_SHIFTS


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

    def and_(self, others: "Candidates") -> "Candidates":
        """Put those of two searches together, a pair once for each shift at which it seems alike.

        What looks a little alike at no shift may be the same sound at another.
        """
        found = np.column_stack([self.pairs, self.shifts])
        theirs = np.column_stack([others.pairs, others.shifts])
        both = np.unique(np.concatenate([found, theirs]), axis=0)
        return Candidates(both[:, :2], both[:, 2])


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
    found, least = np.empty(0, dtype=np.int64), np.zeros(clips, dtype=np.int64)
    for table in range(SYMBOLS):
        met = np.concatenate([found, *_met(prints, heard, table, least)])
        found, least = _most_alike(_once(met), clips)
    pairs = found // PAIR
    shifts = _shift_of(found % ORDERED_SHIFTS)
    return Candidates(np.stack([pairs // max(1, clips), pairs % max(1, clips)], axis=1), shifts)


def _packed(pair: Numbers, agreeing: Numbers, shift: Numbers) -> Numbers:
    ordered = ORDERED_SHIFTS - 1 - (2 * np.abs(shift) + (shift < 0))
    return pair * PAIR + agreeing * ORDERED_SHIFTS + ordered


def _shift_of(ordered: Numbers) -> Numbers:
    code = ORDERED_SHIFTS - 1 - ordered
    return np.where(code % 2 == 1, -(code // 2), code // 2)


def _once(met: Numbers) -> Numbers:
    """Keep each pair once, where it agrees most, at the smallest shift of equals."""
    met = np.sort(met)
    last = np.diff(met // PAIR, append=-1) != 0
    return met[last]


def _most_alike(met: Numbers, clips: int) -> tuple[Numbers, Numbers]:
    """Keep what one of both clips has among the 16 with which it agrees most.

    Returns:
        What is kept, ascending, and for each clip in how many symbols another one must agree with
        it to come among its 16.
    """
    least = np.zeros(clips, dtype=np.int64)
    if not len(met):
        return met, least
    agreeing = met % PAIR // ORDERED_SHIFTS
    ends = np.concatenate([met // PAIR // clips, met // PAIR % clips])
    order = np.argsort(ends * 128 + 127 - np.tile(agreeing, 2), kind="stable")
    starts = np.flatnonzero(np.diff(ends[order], prepend=-1))
    rank = np.arange(len(order)) - np.repeat(starts, np.diff([*starts, len(order)]))
    at = order % len(met)
    full = rank == KEPT_OF_A_CLIP - 1
    least[ends[order][full]] = agreeing[at][full]
    kept = np.zeros(len(met), dtype=np.bool_)
    kept[at[rank < KEPT_OF_A_CLIP]] = True
    return met[kept], least


def _met(prints: Fingerprints, heard: Numbers, table: int, least: Numbers) -> Iterator[Numbers]:
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
                yield _agreeing(prints, standing[at], asking[meeting], delay, least)
                at += way


def _agreeing(
    prints: Fingerprints, standing: Numbers, asking: Numbers, delay: int, least: Numbers
) -> Numbers:
    """Return those pairs that agree in enough symbols: `asking` as it is after a delay."""
    agreeing = (prints[standing, 0] == prints[asking, delay]).sum(axis=1, dtype=np.int64)
    # A pair that comes among the 16 of neither clip is left out at once.
    needed = np.maximum(AGREEING_SYMBOLS, np.minimum(least[standing], least[asking]) + 1)
    kept = (agreeing >= needed) & (standing != asking)
    standing, asking = standing[kept], asking[kept]
    pair = np.minimum(standing, asking) * len(prints) + np.maximum(standing, asking)
    # The standing one sounds like the asking one after the delay, so it lags behind it.
    return _packed(pair, agreeing[kept], np.where(asking < standing, delay, -delay))


def _keys(symbols: Fingerprints) -> npt.NDArray[np.uint64]:
    """Return ten symbols as one number that sorts like them."""
    keys = np.zeros(len(symbols), dtype=np.uint64)
    for symbol in symbols.T:
        keys = keys << np.uint64(SYMBOL_BITS) | symbol.astype(np.uint64)
    return keys
