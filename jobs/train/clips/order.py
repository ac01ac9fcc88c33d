"""Which training clips an epoch visits, in which order: a pure function of (seed, epoch)."""

import numpy as np
import numpy.typing as npt

from jobs.train.settings.sampling import SamplingConfig

# Streams of random numbers that must not be the same, though seed and epoch are.
_ORDER, _REPEATS = 0, 1
Array = npt.NDArray[np.int64]


def epoch_order(
    labels: Array,
    classes: tuple[str, ...],
    config: SamplingConfig,
    seed: int,
    epoch: int,
) -> Array:
    """Return the indices of the training clips that an epoch visits, in its order.

    Args:
        labels: int64 [clips], class indices of the training clips.
        classes: labels by class index.
        config: how classes are balanced.
        seed: of the run.
        epoch: from 1.

    Returns:
        int64 [visits], in which every clip stands at least once.
    """
    targets = class_targets(np.bincount(labels, minlength=len(classes)), classes, config)
    draw = epoch if config.balance_draw == "epoch" else 0
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


def class_targets(counts: Array, classes: tuple[str, ...], config: SamplingConfig) -> Array:
    """Return how often an epoch visits each class, given how many training clips it has."""
    if config.balance == "none":
        return counts
    if config.balance == "equal":
        return np.full_like(counts, counts.max())
    wanted = [config.balance.get(label, 0) for label in classes]
    return np.maximum(counts, np.array(wanted, dtype=counts.dtype))


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
