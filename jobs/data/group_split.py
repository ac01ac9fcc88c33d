"""Which groups validate: whole ones, so that every class trains and validates, near the share.

scikit-learn's StratifiedGroupKFold deals groups into folds of equal size. One fold of it may hold
all clips of a class, or the one recorder who made most of them, while another is fine. So all of
its folds are looked at, in several draws, and the best is improved by moving single groups.
"""

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from jobs.errors import InputError, quoted

Counts = npt.NDArray[np.int64]
Chosen = npt.NDArray[np.bool_]

DRAWS = 10
MOST_MOVES = 100
SHARES_ALIKE = 0.01


@dataclass(frozen=True)
class Groups:
    """How many clips of each class there are in each group.

    Attributes:
        of_clip: the group's number for each labelled clip.
        counts: int64 [groups, classes].
        names: of the groups.
    """

    of_clip: Counts
    counts: Counts
    names: tuple[str, ...]

    @classmethod
    def of(cls, labels: Sequence[int], names: Sequence[str], classes: int) -> "Groups":
        """Count.

        Args:
            labels: the class index of each clip.
            names: the group of each clip.
            classes: how many there are.
        """
        known: dict[str, int] = {}
        of_clip = np.array([known.setdefault(name, len(known)) for name in names])
        counts = np.zeros((len(known), classes), dtype=np.int64)
        np.add.at(counts, (of_clip, np.asarray(labels)), 1)
        return cls(of_clip, counts, tuple(known))


def validating_clips(groups: Groups, share: float, seed: int, classes: Sequence[str]) -> list[int]:
    """Return the positions of the clips that validate.

    Of the splits that are drawn, the seed takes one in which every class trains and validates and
    the share is as near as whole groups come. Where there is none, the one is taken in which the
    fewest classes lack a training clip, then the fewest a validation clip; of those the one whose
    share is nearest, and of shares that are alike (within 0.01) the one whose classes keep theirs
    best.

    Args:
        groups: see `Groups`.
        share: of the clips, that validates.
        seed: of the draws.
        classes: their names, for messages.

    Raises:
        InputError: no group can validate without leaving a class nothing to train on.
    """
    _require_splittable(groups, classes)
    cost = _Cost(groups.counts, share)
    best = _smallest(groups)
    for draw in _drawn(groups, share, seed):
        if fine := [chosen for chosen in draw if cost.is_fine(chosen)]:
            # Not the best of them: scikit-learn's folds hardly depend on the seed, and another seed
            # should say how much a score depends on the split.
            best = fine[int(np.random.default_rng(seed).integers(len(fine)))]
            break
        best = min((*draw, best), key=cost.of)
    else:
        best = _improved(best, cost)
    return [int(p) for p in np.flatnonzero(best[groups.of_clip])]


class _Cost:
    """What is wrong with a choice of groups; the less the better, in the order of importance."""

    def __init__(self, counts: Counts, share: float) -> None:
        self.counts, self.share = counts, share
        self.totals = counts.sum(axis=0)
        # A class that lies in one group alone cannot be on both sides.
        self.in_many = (counts > 0).sum(axis=0) > 1
        # Whole groups seldom come nearer to a share than half of one. To ask for more would be to
        # look for the one best split, which is the same for every seed.
        half_a_group = float(np.median(counts.sum(axis=1))) / 2 / self.totals.sum()
        self.near = max(SHARES_ALIKE, min(half_a_group, share / 4))

    def of(self, chosen: Chosen) -> tuple[float, ...]:
        (row,) = self.of_sums(self.counts[chosen].sum(axis=0)[None])
        return tuple(row.tolist())

    def is_fine(self, chosen: Chosen) -> bool:
        """Whether every class that can be is on both sides, and the share is about as wanted."""
        validating = self.counts[chosen].sum()
        off = abs(float(validating) / float(self.totals.sum()) - self.share)
        return self.of(chosen)[:2] == (0, 0) and off <= self.near

    def of_sums(self, validating: Counts) -> npt.NDArray[np.float64]:
        """Return float64 [choices, 4] for int64 [choices, classes], the clips that validate.

        The first column counts the classes that do not train, or all if nothing validates.
        """
        clips = validating.sum(axis=1)
        untrained = (validating == self.totals).sum(axis=1) + len(self.totals) * (clips == 0)
        unvalidated = ((validating == 0) & self.in_many).sum(axis=1)
        off = np.abs(clips / self.totals.sum() - self.share)
        uneven = np.abs(validating / self.totals - self.share).mean(axis=1)
        return np.stack([untrained, unvalidated, np.floor(off / SHARES_ALIKE), uneven], axis=1)


def _smallest(groups: Groups) -> Chosen:
    """Choose the smallest group alone."""
    alone = np.zeros(len(groups.names), dtype=np.bool_)
    alone[groups.counts.sum(axis=1).argmin()] = True
    return alone


def _drawn(groups: Groups, share: float, seed: int) -> Iterator[list[Chosen]]:
    """Yield the choices of one draw after the other: its folds, or several of them together."""
    from sklearn.model_selection import StratifiedGroupKFold

    taken, parts = folds_of_share(share)
    parts = min(parts, len(groups.names))
    taken = min(taken, parts - 1)
    labels = np.concatenate([np.repeat(np.arange(len(c)), c) for c in groups.counts])
    names = np.repeat(np.arange(len(groups.counts)), groups.counts.sum(axis=1))
    for draw in range(DRAWS):
        state = (
            seed if draw == 0 else int(np.random.SeedSequence([seed, draw]).generate_state(1)[0])
        )
        folds = StratifiedGroupKFold(parts, shuffle=True, random_state=state)
        try:
            with warnings.catch_warnings():
                # It warns of classes with fewer clips than folds; we look at the outcome instead.
                warnings.simplefilter("ignore", UserWarning)
                held_out = [names[test] for _, test in folds.split(labels, labels, names)]
        except ValueError:  # every class has fewer clips than there are folds
            return
        choices = np.zeros((parts, len(groups.names)), dtype=np.bool_)
        for first, chosen in enumerate(choices):
            for fold in range(first, first + taken):
                chosen[held_out[fold % parts]] = True
        yield list(choices)


def _improved(chosen: Chosen, cost: _Cost) -> Chosen:
    """Move one group at a time to the other side, the best one, as long as that is better."""
    chosen, counts = chosen.copy(), cost.counts
    now = cost.of(chosen)
    for _ in range(MOST_MOVES):
        signed = np.where(chosen[:, None], -counts, counts)
        costs = cost.of_sums(counts[chosen].sum(axis=0) + signed)
        best = np.lexsort(costs.T[::-1])[0]
        if tuple(costs[best].tolist()) >= now:
            break
        now = tuple(costs[best].tolist())
        chosen[best] = not chosen[best]
    return chosen


def _require_splittable(groups: Groups, classes: Sequence[str]) -> None:
    """Refuse data in which every group holds a class that is in no other group."""
    counts = groups.counts
    owns = (counts > 0) & (counts == counts.sum(axis=0))
    if len(groups.names) > 1 and not owns.any(axis=1).all():
        return
    if len(groups.names) == 1:
        raise InputError(
            f"all labelled clips are in one group, {quoted(groups.names[0])}, which cannot be used "
            "for both training and validation. Use smaller groups, or none"
        )
    shown = "; ".join(
        f"all clips of class {quoted(classes[int(owned.argmax())])} are in group {quoted(name)}"
        for name, owned in list(zip(groups.names, owns, strict=True))[:3]
    )
    raise InputError(
        f"no group can be used for validation: each of the {len(groups.names)} groups holds a "
        "class that is in no other group and would be left without training clips "
        f"({shown}). Use smaller groups, or leave classes out"
    )


def folds_of_share(share: float) -> tuple[int, int]:
    """Return how many of how many folds come nearest to a share: 0.2 is 1 of 5, 0.3 is 3 of 10."""
    nearest = Fraction(share).limit_denominator(10)
    if nearest == 0:
        return 1, round(1 / share)
    if nearest == 1:
        parts = round(1 / (1 - share))
        return parts - 1, parts
    return nearest.numerator, nearest.denominator
