"""What warnings look at."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from jobs.data.dataset import Dataset
from jobs.vote.estimate.artefact import Warned
from jobs.vote.estimate.copies import Copies
from jobs.vote.estimate.labels import CheckedLabel
from jobs.vote.estimate.recorded import Difference
from jobs.vote.estimate.shift import Shift
from jobs.vote.estimate.shortcuts import Shortcut
from jobs.vote.estimate.simple import Simple

# So many of a kind are named.
NAMED = 5


@dataclass(frozen=True)
class ClipsSeen:
    """What the clips themselves say, without any net.

    Attributes:
        shift: how the test differs from training.
        recorded: the recording facts in which it does.
        shortcut: what recording facts alone tell of the label.
        simple: a simple classifier on random folds and on folds of groups.
        suggested: whether these groups are the audit's, and not the data's own.
        hears_loudness: whether the features of any run have it.
    """

    shift: Shift | None = None
    recorded: Sequence[Difference] = ()
    shortcut: Shortcut | None = None
    simple: Simple | None = None
    suggested: bool = False
    hears_loudness: bool = True


@dataclass(frozen=True)
class Seen:
    """Everything.

    Attributes:
        dataset: labelled and test clips.
        ids: of the validation clips.
        labels: int64 [clips].
        groups: int64 [clips], a number for each group.
        right: bool [entries, clips], of the best candidate of each entry, best first.
        names: of these entries.
        chosen_right: bool [clips], of the chosen rule.
        suspects: labels that predictions speak against.
        out_of_fold: whether all labelled clips are validated.
        corrected: accuracy of the chosen rule, in shares of 1.
        copies: recordings that lie on both sides; None if nobody has looked.
        clips: what the clips themselves say.
    """

    dataset: Dataset
    ids: tuple[str, ...]
    labels: npt.NDArray[np.int64]
    groups: npt.NDArray[np.int64]
    right: npt.NDArray[np.bool_]
    names: Sequence[str]
    chosen_right: npt.NDArray[np.bool_]
    suspects: Sequence[CheckedLabel]
    out_of_fold: bool
    corrected: float
    copies: Copies | None = None
    clips: ClipsSeen = ClipsSeen()


Check = Callable[[Seen], Iterator[Warned]]
