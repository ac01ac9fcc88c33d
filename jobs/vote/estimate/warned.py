"""What speaks against an estimate: each warning is one function, one sentence, its evidence."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from jobs.data.dataset import Dataset
from jobs.vote.estimate.artefact import Warned
from jobs.vote.estimate.interval import FEW_GROUPS
from jobs.vote.estimate.labels import CheckedLabel
from jobs.vote.estimate.shift import Shift
from jobs.vote.estimate.shortcuts import OF_LOUDNESS, Shortcut
from jobs.words import count

NAMED = 5
# One data set in a thousand, if validation were drawn from the labelled clips by chance.
UNLIKELY = 1e-3
# Below, an ensemble that often errs would speak against many a good label.
SURE = 0.9
# Of the paired differences of two entries: two-sided, at 95 %.
Z = 1.96


@dataclass(frozen=True)
class Seen:
    """What warnings look at.

    Attributes:
        dataset: labelled and test clips.
        ids: of the validation clips.
        labels: int64 [clips].
        groups: int64 [clips], a number for each group.
        right: bool [entries, clips], of the best candidate of each entry, best first.
        names: of these entries.
        suspects: labels that predictions speak against.
        out_of_fold: whether all labelled clips are validated.
        corrected: accuracy of the chosen rule, in shares of 1.
        shift: how the test differs from training, if it was looked at.
        shortcut: what recording facts alone tell of the label, if it was looked at.
        hears_loudness: whether the features of any run have it.
    """

    dataset: Dataset
    ids: tuple[str, ...]
    labels: npt.NDArray[np.int64]
    groups: npt.NDArray[np.int64]
    right: npt.NDArray[np.bool_]
    names: Sequence[str]
    suspects: Sequence[CheckedLabel]
    out_of_fold: bool
    corrected: float
    shift: Shift | None = None
    shortcut: Shortcut | None = None
    hears_loudness: bool = True


def warnings_of(seen: Seen) -> tuple[Warned, ...]:
    """Return all warnings, the gravest first."""
    return tuple(warned for look in LOOKS for warned in look(seen))


def _test_unlike_training(seen: Seen) -> Iterator[Warned]:
    shift = seen.shift
    if shift is None or not shift.is_alarming:
        return
    where = f": {shift.where} in the test" if shift.where else ""
    yield Warned(
        kind="test-unlike-training",
        sentence="the test is unlike training (a classifier tells its clips apart with AUC "
        f"{shift.auc:.2f}; for clips of training set aside it is at most {shift.usual[-1]:.2f})"
        f"{where}: the score may be lower than any validation can say",
        evidence={"auc": shift.auc, "set_aside": list(shift.usual), "where": shift.where},
    )


def _shortcuts(seen: Seen) -> Iterator[Warned]:
    shortcut = seen.shortcut
    if shortcut is None or not shortcut.is_alarming(seen.corrected):
        return
    heard = ""
    if shortcut.fact in OF_LOUDNESS and not seen.hears_loudness:
        heard = ". The features of this grid are normalised and do not hear loudness"
    yield Warned(
        kind="shortcut",
        sentence=f"facts about the recordings alone, above all {shortcut.fact}, tell the label of "
        f"{100 * shortcut.accuracy:.0f} % of the clips, the ensemble of {100 * seen.corrected:.0f} "
        f"%: runs may have learned how clips were recorded, which no other recordings share{heard}",
        evidence={"accuracy": shortcut.accuracy, "chance": shortcut.chance,
                  "fact": shortcut.fact, "fact_alone": shortcut.alone},
    )  # fmt: skip


def _groups_in_test(seen: Seen) -> Iterator[Warned]:
    training = {clip.group for clip in seen.dataset.labelled.clips} - {None}
    shared = sorted({str(clip.group) for clip in seen.dataset.test.clips if clip.group in training})
    if shared:
        clips = sum(clip.group in training for clip in seen.dataset.test.clips)
        yield Warned(
            kind="groups-in-test",
            sentence=f"{count(clips, 'test clip')} are of groups that are trained on too: the test "
            "may be easier than validation, which keeps groups apart",
            evidence={"test_clips": clips, "groups": shared[:NAMED]},
        )


def _few_groups(seen: Seen) -> Iterator[Warned]:
    clips = len(seen.groups)
    groups = len(np.unique(seen.groups))
    if groups < FEW_GROUPS and clips >= 2 * groups:
        remedy = "" if seen.out_of_fold else "; `folds: 5` validates on all of them"
        yield Warned(
            kind="few-groups",
            sentence=f"{count(clips, 'validation clip')} are of only {count(groups, 'group')}: "
            f"what holds for these may not hold for others, so the interval is wide{remedy}",
            evidence={"clips": clips, "groups": groups},
        )


def _classes_not_validated(seen: Seen) -> Iterator[Warned]:
    there = set(seen.labels.tolist())
    missing = [label for k, label in enumerate(seen.dataset.classes) if k not in there]
    if missing:
        named = ", ".join(f"'{label}'" for label in missing[:NAMED])
        yield Warned(
            kind="classes-not-validated",
            sentence=f"{count(len(missing), 'class')} without a validation clip "
            f"({named}): how well they are told apart is not in the score",
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
            sentence=f"validation has other shares of the classes than training ('{worst}': "
            f"{100 * shares[worst][0]:.0f} % against {100 * shares[worst][1]:.0f} %): on a test "
            "like training the score differs",
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


def _labels_to_check(seen: Seen) -> Iterator[Warned]:
    sure = [each for each in seen.suspects if each.p_looks_like >= SURE]
    if sure:
        yield Warned(
            kind="labels-to-check",
            sentence=f"{count(len(sure), 'label')} may be wrong: the voters are sure of "
            "another class; labels_to_check.csv has them on top, and less certain ones below",
            evidence={"labels": len(sure), "worst": [each.id for each in sure[:NAMED]]},
        )


Look = Callable[[Seen], Iterator[Warned]]
LOOKS: tuple[Look, ...] = (
    _test_unlike_training,
    _shortcuts,
    _groups_in_test,
    _few_groups,
    _classes_not_validated,
    _class_shares,
    _cannot_be_told_apart,
    _labels_to_check,
)
