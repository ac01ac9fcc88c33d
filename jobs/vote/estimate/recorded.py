"""Whether the test was recorded otherwise: sample rate, codec, bit rate, length, channels.

As with the sound itself, parts of the labelled clips are set aside as if they were a test; only
what differs more than these do from the rest is told.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from jobs.vote.estimate.pooled_clips import Floats, PooledClips

# Facts that are compared: their name in words, what turns a value into text.
COMPARED = {
    "sample_rate": ("sample rate", "{:,.0f} Hz"),
    "channels": ("number of channels", "{:.0f}"),
    "codec": ("codec", "{}"),
    "bit_rate": ("bit rate", "{:,.0f} bit/s"),
    "duration_s": ("length", "{:.2f} s"),
}
# What differs by less than about this is the same: encoders pad, and a variable bit rate varies.
ALIKE = {"duration_s": 0.25, "bit_rate": 8_000.0}
# A quarter of the clips: less changes a score by less than its interval is wide.
CLEARLY_DIFFERENT, BEYOND = 0.25, 0.1
FEW_VALUES = 8


@dataclass(frozen=True)
class Difference:
    """One fact in which the test differs from the labelled clips.

    Attributes:
        fact: its name.
        distance: the largest difference of both distributions, in shares of the clips.
        usual: the largest of these between labelled clips set aside and the rest.
        words: what differs.
    """

    fact: str
    distance: float
    usual: float
    words: str


def recorded_otherwise(
    labelled: PooledClips, test: PooledClips, pseudo_tests: Sequence[np.ndarray]
) -> list[Difference]:
    """Return the facts in which the test clearly differs, the clearest first.

    Args:
        labelled: clips.
        test: clips.
        pseudo_tests: for each the labelled clips set aside, bool [clips].
    """
    found = []
    for fact in COMPARED:
        ours, theirs = (_rounded(each.fact(fact), fact) for each in (labelled, test))
        distance = _distance(ours, theirs)
        if distance < CLEARLY_DIFFERENT:
            continue
        usual = max((_distance(ours[~p], ours[p]) for p in pseudo_tests), default=0.0)
        if distance > usual + BEYOND:
            words = _words(fact, ours, theirs, labelled.codecs)
            found.append(Difference(fact, round(distance, 4), round(usual, 4), words))
    return sorted(found, key=lambda each: -each.distance)


def _rounded(values: Floats, fact: str) -> Floats:
    alike = ALIKE.get(fact)
    return values if alike is None else np.asarray(np.round(values / alike) * alike)


def _distance(one: Floats, other: Floats) -> float:
    """Return the largest difference of a share of values: of a single value, or of all up to it."""
    values, of_value = np.unique(np.concatenate([one, other]), return_inverse=True)
    shares = [
        np.bincount(part, minlength=len(values)) / len(part)
        for part in (of_value[: len(one)], of_value[len(one) :])
    ]
    difference = shares[0] - shares[1]
    return float(max(np.abs(difference).max(), np.abs(np.cumsum(difference)).max()))


def _words(fact: str, ours: Floats, theirs: Floats, codecs: Sequence[str]) -> str:
    name, form = COMPARED[fact]

    def shown(value: float) -> str:
        return form.format(codecs[int(value)] if fact == "codec" else value)

    values = np.unique(np.concatenate([ours, theirs]))
    if len(values) > FEW_VALUES:
        middle, its_middle = float(np.median(ours)), float(np.median(theirs))
        return f"{name} {shown(its_middle)} on average, and {shown(middle)} in training"
    differences = [float((theirs == v).mean() - (ours == v).mean()) for v in values]
    most = values[int(np.argmax(differences))]
    of_test, of_ours = 100 * (theirs == most).mean(), 100 * (ours == most).mean()
    its = f"{name} {shown(most)} in {of_test:.0f} % of its clips"
    return f"{its}, and in {of_ours:.0f} % of those of training"
