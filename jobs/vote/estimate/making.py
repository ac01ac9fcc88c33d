"""From a vote to its estimate: the pool of its models, the draws, the intervals."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from jobs.data.dataset import Dataset
from jobs.errors import NotReadyError
from jobs.train.config import RunConfig
from jobs.vote.candidates import Candidate
from jobs.vote.estimate.artefact import (
    FORMAT,
    Clips,
    Estimate,
    EstimateInputs,
    RuleEstimate,
)
from jobs.vote.estimate.calibrated import repeat_calibration
from jobs.vote.estimate.interval import Sample, intraclass_correlation, prediction_interval
from jobs.vote.estimate.labels import CheckedLabel, labels_to_check
from jobs.vote.estimate.pool import Pool
from jobs.vote.estimate.pooled import pool_of
from jobs.vote.estimate.pooled_clips import PooledClips
from jobs.vote.estimate.selection import Repeated, repeat_selection, winners_of
from jobs.vote.estimate.shift import find_shift
from jobs.vote.estimate.shortcuts import find_shortcut
from jobs.vote.estimate.warned import Seen, warnings_of
from jobs.vote.rules import CHOOSE, COMBINE, VoteRules
from jobs.vote.tally import count_votes
from jobs.vote.vote import Vote

# Labelled and test clips, and whether any run's features hear loudness.
ClipsLookedAt = tuple[PooledClips, PooledClips | None, bool]
DRAWS, SEED = 200, 0
SINGLE_BEST = "single-best"


def inputs_of(vote: Vote, also_voted: Sequence[str]) -> EstimateInputs:
    """Return what the estimate of a vote depends on."""
    inputs = vote.inputs
    return EstimateInputs(
        format=FORMAT,
        candidates=inputs.candidates,
        rule=vote.rules.name,
        also_voted=tuple(sorted(also_voted)),
        labelled_clips=inputs.labelled_clips,
        test_clips=inputs.test_clips,
    )


def make_estimate(
    vote: Vote, also_voted: Mapping[str, VoteRules], clips: ClipsLookedAt | None = None
) -> tuple[Estimate, Sequence[CheckedLabel]]:
    """Estimate what a test like this one should give; and which labels may be wrong.

    Args:
        vote: with candidates.
        also_voted: other rules by which the output has been voted, by name: whoever looked at
            several results chose among them, so that the draws choose among them too.
        clips: what is known of them without a net; None looks for nothing there.

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
    if also_voted:
        repeated[chosen] = best_of([repeated[name] for name in (chosen, *also_voted)])
    naive = {name: naive_of(vote, rule) for name, rule in rules.items()}
    samples = Sample.of(pool.groups), test_sample(vote.dataset)
    correlation = intraclass_correlation(naive[chosen].right.astype(np.float64), pool.groups)
    estimates = {
        name: _rule_estimate(name, naive[name], repeated[name], samples, correlation)
        for name in rules
    }
    validation, test = samples
    seen = _seen(vote, pool, estimates[chosen].corrected, clips)
    estimate = Estimate(
        inputs=inputs_of(vote, list(also_voted)),
        chosen=estimates[chosen],
        rules=tuple(estimates.values()),
        validation=Clips(clips=validation.clips, groups=len(validation.sizes)),
        test=Clips(clips=test.clips, groups=len(test.sizes)),
        out_of_fold=seen.out_of_fold,
        correlation=round(correlation, 6),
        assumed=(*assumed(vote), *_of_choice(chosen, also_voted)),
        calibration=repeat_calibration(pool, vote.rules, SEED),
        warnings=warnings_of(seen),
    )
    return estimate, seen.suspects


def _seen(vote: Vote, pool: Pool, corrected: float, clips: ClipsLookedAt | None) -> Seen:
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
        suspects=labels_to_check(validated.ids, pool.labels, mean),
        out_of_fold=any(len(each.members) > 1 for each in vote.candidates),
        corrected=corrected,
        **_of_clips(clips),
    )


def _of_clips(clips: ClipsLookedAt | None) -> dict[str, Any]:
    if clips is None:
        return {}
    labelled, test, hears = clips
    return {
        "shift": None if test is None else find_shift(labelled, test, SEED),
        "shortcut": find_shortcut(labelled, SEED),
        "hears_loudness": hears,
    }


def test_sample(dataset: Dataset) -> Sample:
    """Return how large the test is, and its groups: new ones as large as in training, if unsaid."""
    labelled = [clip.group for clip in dataset.labelled.clips]
    clips = dataset.test.clips
    if not clips:  # as if it were one more share to validate on
        return Sample(np.ones(max(1, len(labelled) // 5), np.int64))
    if any(clip.group is not None for clip in clips):
        names = [str(c.group) if c.group is not None else f"\0{c.id}" for c in clips]
        return Sample(np.unique(names, return_counts=True)[1].astype(np.int64))
    named = [group for group in labelled if group is not None]
    if not named:
        return Sample(np.ones(len(clips), np.int64))
    groups = max(1, round(len(clips) * len(set(named)) / len(named)))
    return Sample(np.bincount(np.arange(len(clips)) % groups).astype(np.int64))


test_sample.__test__ = False  # type: ignore[attr-defined]


def shown_rules(of_grid: VoteRules) -> dict[str, VoteRules]:
    """Return the rules that are shown side by side, by name; the grid's own first."""
    found = {of_grid.name: of_grid}
    for choose in CHOOSE:
        for combine in COMBINE:
            rule = of_grid.model_copy(update={"choose": choose, "combine": combine})
            found.setdefault(rule.name, rule)
    found[SINGLE_BEST] = VoteRules(votes=1)
    return found


@dataclass(frozen=True)
class Naive:
    """What a rule chose, and on which validation clips it is right."""

    right: npt.NDArray[np.bool_]
    votes: int


def naive_of(vote: Vote, rule: VoteRules) -> Naive:
    """Let a rule choose among what was kept, and score it on the clips that it chose by."""
    ranking = vote.validated.ranking(vote.candidates)
    picks = CHOOSE[rule.choose](ranking, rule)
    said = vote.validated.said([vote.candidates[pick] for pick in picks])
    return Naive(winners_of(said, rule.combine) == vote.validated.labels, len(picks))


def best_of(looked_at: Sequence[Repeated]) -> Repeated:
    """Return what choosing the best of some rules gives: on each draw by the clips drawn."""
    best = np.stack([each.drawn for each in looked_at]).argmax(axis=0)[None]

    def taken(values: list[npt.NDArray[np.float64]]) -> npt.NDArray[np.float64]:
        return np.take_along_axis(np.stack(values), best, axis=0)[0]

    return Repeated(
        taken([each.scores for each in looked_at]),
        taken([each.drawn for each in looked_at]),
        taken([each.f1 for each in looked_at]),
    )


def _rule_estimate(
    name: str, naive: Naive, repeated: Repeated, samples: tuple[Sample, Sample], correlation: float
) -> RuleEstimate:
    low, high = prediction_interval(repeated.corrected, *samples, correlation)
    return RuleEstimate(
        rule=name,
        naive=round(float(naive.right.mean()), 6),
        corrected=round(repeated.corrected, 6),
        low=round(low, 6),
        high=round(high, 6),
        macro_f1=round(float(repeated.f1.mean()), 6),
        votes=naive.votes,
    )


def assumed(vote: Vote) -> list[str]:
    """Return what the estimate takes for granted, in sentences."""
    found = ["the test is like the labelled clips"]
    groups = {clip.group for clip in vote.dataset.labelled.clips} - {None}
    test = vote.dataset.test.clips
    if groups and test and all(clip.group is None for clip in test):
        found.append("the test is of new groups, as large as those of training")
    if any(len(each.members) > 1 for each in vote.candidates):
        found.append("one fold model is judged; the mean of all folds is a little better")
    parts: Mapping[str, str] = {
        "plateau": "the plateau schedule looked at validation clips, which no draw repeats",
        "early_stopping": "early stopping looked at validation clips, which no draw repeats",
    }
    seen = {name for each in vote.candidates for name in _looks_at_validation(each)}
    found += [sentence for name, sentence in parts.items() if name in seen]
    return found


def _of_choice(chosen: str, also_voted: Mapping[str, VoteRules]) -> list[str]:
    if not also_voted:
        return []
    names = ", ".join([chosen, *sorted(also_voted)])
    return [f"the result is the one of {names} that looks best: what stands beside {chosen} is the "
            "score of that choice"]  # fmt: skip


def _looks_at_validation(candidate: Candidate) -> set[str]:
    settings = RunConfig.load(candidate.entry.runs[0].config)
    names = {"plateau"} if settings.settings().get("schedule") == "plateau" else set()
    return names | ({"early_stopping"} & set(settings.parts))
