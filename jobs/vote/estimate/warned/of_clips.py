"""Warnings that the clips themselves give rise to: copies, a test unlike training, shortcuts."""

from collections.abc import Iterator

import numpy as np

from jobs.vote.estimate.artefact import Warned
from jobs.vote.estimate.shortcuts import OF_LOUDNESS
from jobs.vote.estimate.warned.seen import NAMED, Check, Seen
from jobs.words import are, count


def _copies_in_validation(seen: Seen) -> Iterator[Warned]:
    known = seen.copies.validation if seen.copies else None
    if known is None:
        return
    copied = np.array([id_ in known.ids for id_ in seen.ids])
    if not copied.any():
        return
    without, others = "", seen.chosen_right[~copied]
    if len(others):
        without = f"; without them it is {100 * others.mean():.1f} %"
    yield Warned(
        kind="copies-in-validation",
        sentence=f"{count(int(copied.sum()), 'validation clip')} of {len(copied)} "
        f"({100 * copied.mean():.0f} %) {are(int(copied.sum()))} of recordings that are also in "
        f"training, such as {known.example[0]} and {known.example[1]}: the validation score is "
        f"higher than on new recordings{without}. audit/train.csv suggests groups that keep "
        "recordings whole",
        evidence={
            "validation_clips": int(copied.sum()),
            "example": list(known.example),
            "without_them": round(float(others.mean()), 6) if len(others) else None,
        },
    )


def _copies_in_test(seen: Seen) -> Iterator[Warned]:
    known = seen.copies.test if seen.copies else None
    if known is None:
        return
    share = 100 * len(known.ids) / len(seen.dataset.test)
    yield Warned(
        kind="copies-in-test",
        sentence=f"{count(len(known.ids), 'test clip')} ({share:.0f} %) {are(len(known.ids))} of "
        f"recordings that have a label, such as {known.example[0]} and {known.example[1]}: the "
        "test may give more than new recordings would",
        evidence={"test_clips": len(known.ids), "example": list(known.example)},
    )


def _copies_in_holdout(seen: Seen) -> Iterator[Warned]:
    known = seen.copies.holdout if seen.copies else None
    if known is None:
        return
    yield Warned(
        kind="copies-in-holdout",
        sentence=f"{count(len(known.ids), 'clip')} held out {are(len(known.ids))} of recordings "
        f"that training or ranking also uses, such as {known.example[0]} and {known.example[1]}: "
        "the score on them is not blind. audit/train.csv suggests groups that keep recordings "
        "whole",
        evidence={"clips": len(known.ids), "example": list(known.example)},
    )


def _test_unlike_training(seen: Seen) -> Iterator[Warned]:
    shift = seen.clips.shift
    if shift is None or not shift.is_alarming:
        return
    where = f": {shift.where} in the test" if shift.where else ""
    yield Warned(
        kind="test-unlike-training",
        sentence="the test differs from training (a classifier tells the two apart with AUC "
        f"{shift.auc:.2f}, where 0.5 is not at all and 1 always; for training clips set aside it "
        f"is at most {shift.usual[-1]:.2f})"
        f"{where}: the score may be lower than any validation can show",
        evidence={"auc": shift.auc, "set_aside": list(shift.usual), "where": shift.where},
    )


def _test_of_other_groups(seen: Seen) -> Iterator[Warned]:
    shift = seen.clips.shift
    if shift is None or not shift.may_be_groups:
        return
    if shift.stands_out:
        beside = f"more than training clips set aside do (AUC at most {shift.usual[-1]:.2f})"
        this = "may be what these groups are like, or a real shift"
    else:
        beside = (
            "but so does one group from the others (AUC "
            f"{shift.usual[0]:.2f} to {shift.usual[-1]:.2f})"
        )
        this = "cannot be told from a real shift"
    yield Warned(
        kind="test-cannot-be-compared",
        sentence="the test differs from training (a classifier tells the two apart with AUC "
        f"{shift.auc:.2f}, where 0.5 is not at all), {beside}: with only "
        f"{count(shift.groups, 'group')} this {this}, which would lower the score",
        evidence={"auc": shift.auc, "set_aside": list(shift.usual), "groups": shift.groups},
    )


def _test_recorded_otherwise(seen: Seen) -> Iterator[Warned]:
    differences = seen.clips.recorded
    if not differences:
        return
    named = "; ".join(each.words for each in differences)
    yield Warned(
        kind="test-recorded-otherwise",
        sentence=f"the test was recorded or encoded differently from training ({named}): if that "
        "changes the sound, the score will be lower than in validation",
        evidence={each.fact: [each.distance, each.usual] for each in differences},
    )


def _shortcuts(seen: Seen) -> Iterator[Warned]:
    shortcut = seen.clips.shortcut
    if shortcut is None or not shortcut.is_alarming(seen.corrected):
        return
    heard = ""
    if shortcut.fact in OF_LOUDNESS and not seen.clips.hears_loudness:
        heard = ". The features of this grid are normalised and do not hear loudness"
    yield Warned(
        kind="shortcut",
        sentence=f"facts about the recordings alone, above all {shortcut.fact}, predict the label "
        f"of {100 * shortcut.accuracy:.0f} % of the clips, the ensemble that of "
        f"{100 * seen.corrected:.0f} %: runs may have learned how clips were recorded, which does "
        f"not carry over to other recordings{heard}",
        evidence={"accuracy": shortcut.accuracy, "chance": shortcut.chance,
                  "fact": shortcut.fact, "fact_alone": shortcut.alone},
    )  # fmt: skip


def _labels_to_check(seen: Seen) -> Iterator[Warned]:
    sure = [each for each in seen.suspects if each.is_sure]
    below = ", and less certain ones below" if len(sure) < len(seen.suspects) else ""
    if sure:
        yield Warned(
            kind="labels-to-check",
            sentence=f"{count(len(sure), 'label')} may be wrong: the voters are sure of "
            f"another class; labels_to_check.csv has them on top{below}",
            evidence={"labels": len(sure), "worst": [each.id for each in sure[:NAMED]]},
        )


CHECKS: tuple[Check, ...] = (
    _copies_in_validation,
    _copies_in_holdout,
    _test_unlike_training,
    _test_recorded_otherwise,
    _test_of_other_groups,
    _copies_in_test,
    _shortcuts,
    _labels_to_check,
)
