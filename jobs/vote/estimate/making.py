"""From a vote to its estimate: the pool of its models, the draws, the intervals, the warnings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from jobs.data.split import Split
from jobs.errors import NotReadyError
from jobs.vote.candidates import Candidate
from jobs.vote.estimate.artefact import FORMAT, Clips, Estimate, EstimateInputs
from jobs.vote.estimate.assumptions import assumptions
from jobs.vote.estimate.calibrated import repeat_calibration
from jobs.vote.estimate.compared_rules import (
    Naive,
    Reach,
    best_looking,
    better_rule,
    guessing,
    naive_of,
    rule_estimates,
    shown_rules,
)
from jobs.vote.estimate.copies import Copies, find_copies
from jobs.vote.estimate.groups import sample_of_test
from jobs.vote.estimate.holdout import Holdout, score_holdout
from jobs.vote.estimate.labels import CheckedLabel, labels_to_check
from jobs.vote.estimate.pool import Pool
from jobs.vote.estimate.pooled import pool_of
from jobs.vote.estimate.pooled_clips import PooledClips
from jobs.vote.estimate.recorded import recorded_otherwise
from jobs.vote.estimate.scores import RuleEstimate
from jobs.vote.estimate.selection import repeat_selection
from jobs.vote.estimate.shift import find_shift, pseudo_tests
from jobs.vote.estimate.shortcuts import find_shortcut
from jobs.vote.estimate.simple import classify_simply
from jobs.vote.estimate.warned import warnings_of
from jobs.vote.estimate.warned.seen import ClipsSeen, Seen
from jobs.vote.rules import VoteRules
from jobs.vote.tally import count_votes
from jobs.vote.vote import Vote

DRAWS, SEED = 200, 0


@dataclass(frozen=True)
class LookedAt:
    """What is looked at beside the vote; None for what is not there.

    Attributes:
        split: which clips train.
        labelled, test: what is known of clips without a net.
        hears_loudness: whether any run's features have it.
        recordings: the paths of the clips of each that occurs more than once, from the audit.
        copies_compared: whether these were looked for by their sound, and not by bytes alone.
        holdout: clips held out.
    """

    split: Split
    labelled: PooledClips | None = None
    test: PooledClips | None = None
    hears_loudness: bool = True
    recordings: Sequence[Sequence[str]] | None = None
    copies_compared: bool = True
    holdout: Holdout | None = None


def inputs_of(
    vote: Vote, also_voted: Sequence[str], audit: str = "", holdout: str = ""
) -> EstimateInputs:
    """Return what the estimate of a vote depends on."""
    inputs = vote.inputs
    return EstimateInputs(
        format=FORMAT,
        candidates=inputs.candidates,
        rule=vote.rules.name,
        also_voted=tuple(sorted(also_voted)),
        audit=audit,
        holdout=holdout,
        labelled_clips=inputs.labelled_clips,
        test_clips=inputs.test_clips,
    )


def make_estimate(
    vote: Vote, inputs: EstimateInputs, also_voted: Mapping[str, VoteRules], beside: LookedAt
) -> tuple[Estimate, Sequence[CheckedLabel]]:
    """Estimate what a test like this one should give; and which labels may be wrong.

    Args:
        vote: with candidates.
        inputs: what the estimate is made from.
        also_voted: other rules by which the output has been voted, by name: whoever takes the one
            that looks best has chosen among them, so that draws of their own choose so, too.
        beside: what else there is to look at.

    Raises:
        NotReadyError: there is nothing to judge.
    """
    vote.require_candidates()
    if not vote.validated.ids:
        raise NotReadyError("no run has validation predictions that can be read")
    pool = pool_of(vote)
    rules = shown_rules(vote.rules) | dict(also_voted)
    repeated = repeat_selection(pool, rules, DRAWS, SEED)
    chosen = vote.rules.name
    naive = {name: naive_of(vote, rule) for name, rule in rules.items()}
    recordings = beside.recordings
    copies = None if recordings is None else find_copies(recordings, vote.dataset, beside.split)
    clips = _clips_seen(beside, copies)
    reach = Reach(pool.groups, sample_of_test(vote.dataset), clips.simple)
    rows = rule_estimates(naive, repeated, reach)
    voted = {name: repeated[name] for name in (chosen, *also_voted)} if also_voted else {}
    seen = _seen(vote, pool, naive[chosen], rows[chosen])
    seen = replace(seen, copies=copies, clips=clips)
    estimate = Estimate(
        inputs=inputs,
        chosen=rows[chosen],
        best_looking=best_looking(naive, voted, reach) if voted else None,
        rules=tuple(rows.values()),
        validation=Clips(clips=reach.validation.clips, groups=len(reach.validation.sizes)),
        test=Clips(clips=reach.test.clips, groups=len(reach.test.sizes)),
        out_of_fold=seen.out_of_fold,
        correlation=round(reach.correlation(naive[chosen].right)[0], 6),
        assumed=tuple(assumptions(vote, beside.copies_compared)),
        guessing=guessing(pool.labels, vote.dataset.classes, rows[chosen].corrected),
        better_rule=better_rule(rules, naive, rows, pool.groups),
        holdout=score_holdout(vote, beside.holdout, reach.test) if beside.holdout else None,
        calibration=repeat_calibration(pool, vote.rules, SEED),
        warnings=warnings_of(seen),
    )
    return estimate, seen.suspects


def _clips_seen(beside: LookedAt, copies: Copies | None) -> ClipsSeen:
    labelled, test = beside.labelled, beside.test
    if labelled is None:
        return ClipsSeen()
    aside = [] if test is None else pseudo_tests(labelled, test, SEED)
    groups, suggested = labelled.groups, False
    if len(np.unique(groups)) == len(labelled) and copies is not None:
        ours = [copies.groups.get(id_, -1 - p) for p, id_ in enumerate(labelled.ids)]
        groups, suggested = np.array(ours, np.int64), True
    return ClipsSeen(
        shift=None if test is None else find_shift(labelled, test, aside, SEED),
        recorded=() if test is None else recorded_otherwise(labelled, test, aside),
        shortcut=find_shortcut(labelled, SEED),
        simple=classify_simply(labelled, groups, SEED),
        suggested=suggested,
        hears_loudness=beside.hears_loudness,
    )


def _seen(vote: Vote, pool: Pool, chosen: Naive, row: RuleEstimate) -> Seen:
    validated = vote.validated
    best: dict[int, Candidate] = {}
    for each in vote.candidates:
        best.setdefault(each.entry.position, each)
    said = validated.said(list(best.values()))
    right = np.nan_to_num(said, nan=-1.0).argmax(axis=2) == pool.labels
    voters = validated.said([candidate for candidate, _ in vote.voters])
    mean = count_votes(np.repeat(voters, [n for _, n in vote.voters], axis=0), "soft").mean
    return Seen(
        dataset=vote.dataset,
        ids=validated.ids,
        labels=pool.labels,
        groups=pool.groups,
        right=right,
        names=[each.entry.name for each in best.values()],
        chosen_right=chosen.right,
        suspects=labels_to_check(validated.ids, pool.labels, mean),
        out_of_fold=any(len(each.members) > 1 for each in vote.candidates),
        corrected=row.corrected,
    )
