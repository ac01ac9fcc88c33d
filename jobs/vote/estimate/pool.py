"""Every model that a launch might have kept, and what it said of the validation clips."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from jobs.vote.estimate.interval import GROUPS_THAT_VARY
from jobs.vote.ranking import Numbers, Probabilities, Ranking, Weights

LEAST = np.float32(np.finfo(np.float32).tiny)


@dataclass(frozen=True)
class Pool:
    """The models among which a draw selects again, as the launch did.

    Attributes:
        entries: int64 [models], the position in the grid of each model's entry.
        epochs: int64 [models], after which epoch each is.
        keep: int64 [models], how many of its entry the launch keeps.
        labels: int64 [clips].
        said: float32 [models, clips, classes]; NaN where one could not read a clip.
        groups: int64 [clips], a number for each group; a clip without one is a group of its own.
    """

    entries: Numbers
    epochs: Numbers
    keep: Numbers
    labels: Numbers
    said: Probabilities
    groups: Numbers

    @cached_property
    def right(self) -> npt.NDArray[np.float32]:
        """Float32 [models, clips], 1 where a model is right; 0 where it could not read the clip."""
        found = np.empty(self.said.shape[:2], np.float32)
        for row, said in zip(found, self.said, strict=True):  # one by one: all at once doubles it
            row[:] = np.nan_to_num(said, nan=-1.0).argmax(axis=1) == self.labels
            row[np.isnan(said[:, 0])] = 0
        return found

    @cached_property
    def loss(self) -> npt.NDArray[np.float32]:
        """Float32 [models, clips], minus the log of the true class's probability."""
        own = np.take_along_axis(self.said, self.labels[None, :, None], axis=2)[:, :, 0]
        return -np.log(np.maximum(np.nan_to_num(own, nan=1.0), LEAST))

    @cached_property
    def has_groups(self) -> bool:
        return len(np.unique(self.groups)) < len(self.groups)

    def draw(self, rng: np.random.Generator) -> Weights:
        """Return how often each clip is drawn, float64 [clips]: whole groups, with replacement.

        Of one or two groups the clips are drawn: of one, nothing would be left out otherwise; of
        two, the choice would be made on half of the clips and look far worse than it is.
        """
        names, of_clip = np.unique(self.groups, return_inverse=True)
        if len(names) < GROUPS_THAT_VARY:
            names = of_clip = np.arange(len(self.groups))
        drawn = rng.integers(0, len(names), len(names))
        return np.bincount(drawn, minlength=len(names))[of_clip].astype(np.float64)

    def rankings(self, draws: Sequence[Weights]) -> list[Ranking]:
        """Return what each draw leaves to choose from, best first.

        Of each entry that is what would have been kept, had these been the validation clips.
        """
        weights = np.stack(draws, axis=1).astype(np.float32)  # [clips, draws]
        total = weights.sum(axis=0)
        accuracy, loss = self.right @ weights / total, self.loss @ weights / total
        return [
            self._ranking(accuracy[:, number], loss[:, number], drawn)
            for number, drawn in enumerate(draws)
        ]

    def _ranking(
        self, accuracy: npt.NDArray[np.float32], loss: npt.NDArray[np.float32], weights: Weights
    ) -> Ranking:
        order = np.lexsort((self.epochs, self.entries, loss, -accuracy))
        of_entry = self.entries[order]
        # How many of the same entry come before each: where it stands in its entry's part of a
        # stable sort, less where that part begins.
        by_entry = np.argsort(of_entry, kind="stable")
        begins = np.searchsorted(of_entry[by_entry], of_entry[by_entry])
        before = np.empty(len(order), np.int64)
        before[by_entry] = np.arange(len(order)) - begins
        kept = order[before < self.keep[order]]
        return Ranking(self.entries[kept], self.labels, weights, lambda n: self.said[kept[:n]])
