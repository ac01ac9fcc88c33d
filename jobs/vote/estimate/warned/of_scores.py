"""Warnings about the score itself: what it leaves out, and what it cannot tell."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from jobs.vote.estimate.artefact import Warned
from jobs.vote.estimate.interval import Z
from jobs.vote.estimate.warned.seen import NAMED, Check, Seen
from jobs.words import count

# One data set in a thousand, if validation were drawn from the labelled clips by chance.
UNLIKELY = 1e-3


def _classes_not_validated(seen: Seen) -> Iterator[Warned]:
    there = set(seen.labels.tolist())
    missing = [label for k, label in enumerate(seen.dataset.classes) if k not in there]
    if missing:
        named = ", ".join(f"'{label}'" for label in missing[:NAMED])
        yield Warned(
            kind="classes-not-validated",
            sentence=f"{count(len(missing), 'class')} without a validation clip "
            f"({named}): the score does not show how well they are recognised",
            evidence={"classes": missing},
        )


def _class_shares(seen: Seen) -> Iterator[Warned]:
    if seen.out_of_fold:
        return
    classes = len(seen.dataset.classes)
    everyone = np.array(list(seen.dataset.class_counts.values()), dtype=float)
    validating = np.bincount(seen.labels, minlength=classes)
    rest = everyone - validating
    if rest.sum() and _chance_of(np.stack([validating, rest])) < UNLIKELY:
        shares = {
            label: [round(float(v / validating.sum()), 3), round(float(r / rest.sum()), 3)]
            for label, v, r in zip(seen.dataset.classes, validating, rest, strict=True)
        }
        worst = max(shares, key=lambda label: abs(shares[label][0] - shares[label][1]))
        yield Warned(
            kind="class-shares",
            sentence=f"the classes have different shares in validation and in training ('{worst}': "
            f"{100 * shares[worst][0]:.0f} % against {100 * shares[worst][1]:.0f} %): the score on "
            "a test with the shares of training will differ",
            evidence={"validation_and_training": shares},
        )


def _chance_of(table: npt.NDArray[np.float64]) -> float:
    """Return how likely rows are to differ so much if both are drawn alike (Pearson's chi-square).

    Args:
        table: float64 [2, classes], counts; every class has some.
    """
    from scipy.special import chdtrc

    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0) / table.sum()
    statistic = ((table - expected) ** 2 / expected).sum()
    return float(chdtrc(table.shape[1] - 1, statistic)) if table.shape[1] > 1 else 1.0


def _cannot_be_told_apart(seen: Seen) -> Iterator[Warned]:
    """Compare each entry with the best one on the same clips (McNemar's differences)."""
    if len(seen.right) < 2:
        return
    best = seen.right[0].astype(float)
    alike = 1
    for other in seen.right[1:]:
        difference = best - other
        clusters = np.bincount(seen.groups, weights=difference)
        error = float(np.sqrt((clusters**2).sum()))
        if difference.sum() > Z * max(error, 1.0):
            break
        alike += 1
    if alike > 1:
        yield Warned(
            kind="cannot-be-told-apart",
            sentence=f"{count(len(best), 'validation clip')} cannot tell the best "
            f"{count(alike, 'run')} of {len(seen.right)} apart: their order is mostly luck",
            evidence={"runs": list(seen.names[:alike]), "validation_clips": len(best)},
        )


CHECKS: tuple[Check, ...] = (_classes_not_validated, _class_shares, _cannot_be_told_apart)
