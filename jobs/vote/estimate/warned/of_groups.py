"""Warnings about groups: too few of them, on both sides, or alike more than a random split says."""

from collections.abc import Iterator

import numpy as np

from jobs.data.layouts.ungrouped import ONLY_TEST_GROUPED, only_test_is_grouped
from jobs.vote.estimate.artefact import Warned
from jobs.vote.estimate.interval import FEW_GROUPS
from jobs.vote.estimate.warned.seen import NAMED, Check, Seen
from jobs.words import count

# Points between random folds and folds of groups that are worth a word, and standard errors that
# they must be beyond.
CLEAR_GAP, ERRORS = 0.05, 3.0


def _groups_in_test(seen: Seen) -> Iterator[Warned]:
    training = {clip.group for clip in seen.dataset.labelled.clips} - {None}
    shared = sorted({str(clip.group) for clip in seen.dataset.test.clips if clip.group in training})
    if shared:
        clips = sum(clip.group in training for clip in seen.dataset.test.clips)
        yield Warned(
            kind="groups-in-test",
            sentence=f"{count(clips, 'test clip')} from groups that are also in training: the test "
            "may be easier than validation, which keeps groups apart",
            evidence={"test_clips": clips, "groups": shared[:NAMED]},
        )


def _groups_only_in_test(seen: Seen) -> Iterator[Warned]:
    if only_test_is_grouped(seen.dataset.labelled.clips, seen.dataset.test.clips):
        yield Warned(
            kind="groups-only-in-test",
            sentence=f"{ONLY_TEST_GROUPED}, and the score is too high; give train.csv a column "
            "`group`",
            evidence={},
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


def _groups_are_alike(seen: Seen) -> Iterator[Warned]:
    """Say what parting groups would add to a score: it does, or it may in the test."""
    simple = seen.clips.simple
    if simple is None or simple.gap < max(CLEAR_GAP, ERRORS * simple.error):
        return
    said = (
        f"a simple classifier is right on {100 * simple.random:.0f} % of the labelled clips in "
        f"random folds, and on {100 * simple.grouped:.0f} % where groups are kept whole"
    )
    points = f"{100 * simple.gap:.0f} points"
    if seen.clips.suggested:
        meaning = (
            f"this split separates clips that the audit would group: {said}, so the score may be "
            f"too high by about {points}"
        )
    elif any(clip.group is not None for clip in seen.dataset.test.clips):
        return  # whether the test shares groups with training is known, and said if it does
    else:
        meaning = (
            f"{said}, as in validation. A test on new groups should give the score shown here; a "
            f"test on the groups of training may give about {points} more"
        )
    yield Warned(
        kind="groups-are-alike",
        sentence=meaning,
        evidence={"random_folds": simple.random, "grouped_folds": simple.grouped,
                  "standard_error": simple.error, "groups": simple.groups,
                  "suggested": seen.clips.suggested},
    )  # fmt: skip


CHECKS: tuple[Check, ...] = (_groups_are_alike, _groups_in_test, _groups_only_in_test, _few_groups)
