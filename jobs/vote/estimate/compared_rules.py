"""Every rule that is shown, side by side: what it chose, and what that should give."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from jobs.vote.estimate.interval import (
    GROUPS_THAT_VARY,
    Sample,
    Z,
    intraclass_correlation,
    prediction_interval,
)
from jobs.vote.estimate.scores import BetterRule, Guessing, RuleEstimate
from jobs.vote.estimate.selection import Repeated, winners_of
from jobs.vote.estimate.simple import Simple
from jobs.vote.rules import CHOOSE, COMBINE, VoteRules
from jobs.vote.vote import Vote

SINGLE_BEST = "single-best"
# Standard errors by which another rule must be better before that is said: there are six of them.
CLEARLY_BETTER = 2.6


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


@dataclass(frozen=True)
class Reach:
    """What an interval rests on beside the score.

    Attributes:
        groups: int64 [validation clips], a number for each group.
        test: clips and groups.
        simple: a simple classifier on all labelled groups. One or two validation groups do not
            tell how much groups vary: what it does on them does.
    """

    groups: npt.NDArray[np.int64]
    test: Sample
    simple: Simple | None = None

    @cached_property
    def validation(self) -> Sample:
        return Sample.of(self.groups)

    def correlation(self, right: npt.NDArray[np.bool_]) -> tuple[float, int]:
        """Return that within groups, and how many groups it was taken from."""
        known = len(self.validation.sizes)
        if known < GROUPS_THAT_VARY and self.simple is not None:
            return self.simple.correlation, self.simple.groups
        return intraclass_correlation(right.astype(np.float64), self.groups), known

    def of(self, accuracy: float, right: npt.NDArray[np.bool_]) -> tuple[float, float]:
        """Return the interval for a test, given on which validation clips a rule is right."""
        correlation, known_from = self.correlation(right)
        return prediction_interval(accuracy, self.validation, self.test, correlation, known_from)


def rule_estimates(
    naive: Mapping[str, Naive], repeated: Mapping[str, Repeated], reach: Reach
) -> dict[str, RuleEstimate]:
    """Return what each rule should give, by its name."""
    found = {}
    for name, chosen in naive.items():
        low, high = reach.of(repeated[name].corrected, chosen.right)
        found[name] = RuleEstimate(
            rule=name,
            naive=round(float(chosen.right.mean()), 6),
            corrected=round(repeated[name].corrected, 6),
            low=round(low, 6),
            high=round(high, 6),
            macro_f1=round(float(repeated[name].f1.mean()), 6),
            votes=chosen.votes,
        )
    return found


def best_looking(
    naive: Mapping[str, Naive], voted: Mapping[str, Repeated], reach: Reach
) -> RuleEstimate:
    """Return what that one of several results should give that looks best on validation clips.

    Args:
        naive: of every rule, by its name.
        voted: of the rules whose results were seen.
        reach: what the interval rests on.
    """
    name = max(voted, key=lambda each: naive[each].right.mean())
    choice = {name: best_of(list(voted.values()))}
    return rule_estimates({name: naive[name]}, choice, reach)[name]


def better_rule(
    rules: Mapping[str, VoteRules],
    naive: Mapping[str, Naive],
    rows: Mapping[str, RuleEstimate],
    groups: npt.NDArray[np.int64],
) -> BetterRule | None:
    """Return the best rule, if it is clearly better than the grid's.

    What it gains is the difference of corrected scores, for a rule that chooses among more has more
    luck in its naive one. How much of that is luck tell the paired differences on the same clips,
    summed over groups.

    Args:
        rules: the grid's own first.
        naive, rows: of each of them.
        groups: int64 [clips], a number for each group.
    """
    (ours, own), *_ = rules.items()
    best = max(rows, key=lambda name: rows[name].corrected)
    gain = rows[best].corrected - rows[ours].corrected
    difference = naive[best].right.astype(float) - naive[ours].right
    error = float(np.sqrt((np.bincount(groups, weights=difference) ** 2).sum())) / len(groups)
    if gain <= CLEARLY_BETTER * max(error, 1 / len(groups)):
        return None
    differing = sorted(rules[best].model_dump().items() - own.model_dump().items())
    return BetterRule(
        settings=dict(differing),
        corrected=rows[best].corrected,
        gain=round(gain, 6),
        error=round(error, 6),
    )


def guessing(
    labels: npt.NDArray[np.int64], classes: Sequence[str], score: float
) -> Guessing | None:
    """Return what always saying the largest class gives, where a score is not clearly better.

    Args:
        labels: int64 [clips], of the validation clips.
        classes: by index.
        score: accuracy, in shares of 1.
    """
    counts = np.bincount(labels, minlength=len(classes))
    share = float(counts.max() / counts.sum())
    luck = Z * (share * (1 - share) / counts.sum()) ** 0.5
    if score > share + luck:
        return None
    return Guessing(label=classes[int(counts.argmax())], share=round(share, 6))
