"""Which training clips an epoch visits, in which order: a pure function of (seed, epoch)."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field, field_validator

from jobs.errors import InputError, quoted
from jobs.train.recipe import OptionalPart

# Streams of random numbers that must not be the same, though seed and epoch are.
_ORDER, _REPEATS = 0, 1
# Clips of one class an epoch; more is a slip.
MOST = 10_000_000
MOST_REPEATS = 10
Array = npt.NDArray[np.int64]


class Balance(OptionalPart):
    """Balancing of the training clips, after the split; without it each is visited once."""

    balance: Literal["none", "equal"] | dict[str, int | float] = Field(
        "none",
        description="none, equal (all classes as the largest), or {label: clips an epoch}, where "
        "0.86 means that share of the largest class; a class that has more stays as it is",
    )
    balance_draw: Literal["epoch", "fixed"] = Field(
        "epoch", description="whether the repeated clips are drawn anew each epoch"
    )

    @property
    def is_on(self) -> bool:
        return self.balance != "none"

    @field_validator("balance", mode="before")
    @classmethod
    def _labels_are_text(cls, value: Any) -> Any:
        if value is None or value is False:  # YAML 1.1 reads `no` so
            return "none"
        if not isinstance(value, dict):
            if value not in ("none", "equal"):
                raise ValueError("expected none, equal or {label: clips}")
            return value
        for label, clips in value.items():
            if not _is_target(clips):
                raise ValueError(
                    f"label {quoted(label)}: expected a number of clips from 1 to {MOST}, or a "
                    "fraction of the largest class above 0 and up to 1.0"
                )
        texts = [str(label) for label in value]
        for label in texts:
            if texts.count(label) > 1:
                raise ValueError(f"label {label} appears twice; keep one")
        return dict(zip(texts, value.values(), strict=True))

    def require_suited_to(self, counts: Mapping[str, int]) -> None:
        """Refuse a balance that the data cannot have.

        Args:
            counts: training clips of each label.

        Raises:
            InputError: a label that no clip has, or a target that repeats each clip more than ten
                times.
        """
        named = self.balance if isinstance(self.balance, dict) else {}
        for label in named:
            if label not in counts:
                raise InputError(
                    f"`balance` names the label '{label}', which no training clip has; labels "
                    f"are: {', '.join(counts)}"
                )
        targets = self.targets(np.array(list(counts.values())), list(counts))
        for (label, clips), target in zip(counts.items(), targets.tolist(), strict=True):
            if label in named and target > MOST_REPEATS * clips:
                raise InputError(
                    f"`balance` asks for {target} clips of the label '{label}', which has {clips} "
                    f"to train: each would be repeated {target / clips:.1f} times, and with more "
                    f"than {MOST_REPEATS} a model learns these few by heart. Ask for at most "
                    f"{MOST_REPEATS * clips}, or for a fraction of the largest class"
                )

    def targets(self, counts: Array, classes: Sequence[str]) -> Array:
        """Return how often an epoch visits each class, given how many training clips it has."""
        if self.balance == "equal":
            return np.full_like(counts, counts.max())
        wanted = self.balance if isinstance(self.balance, dict) else {}
        largest = int(counts.max())
        at_least = [_clips(wanted.get(label, 0), largest) for label in classes]
        return np.maximum(counts, np.array(at_least, dtype=counts.dtype))


def _is_target(value: Any) -> bool:
    if isinstance(value, bool):
        return False
    if isinstance(value, int):
        return 1 <= value <= MOST
    return isinstance(value, float) and 0 < value <= 1


def _clips(target: int | float, largest: int) -> int:
    """Return a target as a number of clips; fractions are rounded to the nearest, halves up."""
    return int(target * largest + 0.5) if isinstance(target, float) else target


def epoch_order(
    labels: Array,
    classes: Sequence[str],
    balance: Balance | None,
    seed: int,
    epoch: int,
) -> Array:
    """Return the indices of the training clips that an epoch visits, in its order.

    Args:
        labels: int64 [clips], class indices of the training clips.
        classes: labels by class index.
        balance: how classes are balanced; None for each clip once.
        seed: of the run.
        epoch: from 1.

    Returns:
        int64 [visits], in which every clip stands at least once.
    """
    targets = np.bincount(labels, minlength=len(classes))
    draw = epoch
    if balance is not None:
        targets = balance.targets(targets, classes)
        draw = epoch if balance.balance_draw == "epoch" else 0
    # Which clips are repeated and in which order they come are drawn apart: `fixed` repeats keep
    # their clips, and still no two epochs have one order.
    visits = balanced(labels, targets, np.random.default_rng([seed, draw, _REPEATS]))
    return visits[np.random.default_rng([seed, epoch, _ORDER]).permutation(len(visits))]


def balanced(labels: Array, targets: Array, rng: np.random.Generator) -> Array:
    """Return the index of every clip, repeated until each class has its target.

    All clips of a class are repeated equally often; of what is then missing, clips are drawn
    without replacement. No target is below what its class has.
    """
    visits = []
    for index, target in enumerate(targets):
        clips = np.flatnonzero(labels == index)
        if len(clips):
            whole, rest = divmod(int(target), len(clips))
            visits += [np.tile(clips, whole), rng.choice(clips, rest, replace=False)]
    return np.concatenate(visits)


def batch_sizes(visits: int, size: int) -> list[int]:
    """Return how many clips each batch of an epoch has.

    The last one may be smaller, but a single clip left over joins the batch before it: batch norm
    has no deviation of one.
    """
    whole, rest = divmod(visits, size)
    sizes = [size] * whole
    if rest == 1 and whole:
        sizes[-1] += 1
    elif rest:
        sizes.append(rest)
    return sizes


def epoch_seed(seed: int, epoch: int) -> int:
    """Return the seed of whatever is random inside an epoch, so that a resume draws the same."""
    return int(np.random.SeedSequence([seed, epoch]).generate_state(1, np.uint64)[0] >> 1)
