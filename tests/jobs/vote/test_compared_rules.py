"""What is said of rules beside the grid's, and of a score that a guess would have."""

import numpy as np
import pytest

from jobs.vote.estimate.compared_rules import Naive, better_rule, guessing
from jobs.vote.estimate.scores import BetterRule, RuleEstimate
from jobs.vote.rules import VoteRules


def voted(right: dict[str, list[int]], corrected: dict[str, float]) -> BetterRule | None:
    """Return what is said of rules that are right on some of 40 clips in twenty pairs."""
    grids, greedy = VoteRules(), VoteRules(choose="greedy", combine="soft")
    naive = {name: Naive(np.isin(np.arange(40), clips), 5) for name, clips in right.items()}
    rows = {
        name: RuleEstimate(
            rule=name, naive=0.5, corrected=share, low=0, high=1, macro_f1=0.5, votes=5
        )
        for name, share in corrected.items()
    }
    pairs = np.repeat(np.arange(20), 2)
    return better_rule({"grids": grids, "greedy-soft": greedy}, naive, rows, pairs)


def test_a_rule_that_does_clearly_better_is_named_with_its_settings() -> None:
    few, most = list(range(0, 40, 3)), list(range(36))
    better = voted({"grids": few, "greedy-soft": most}, {"grids": 0.35, "greedy-soft": 0.85})
    assert better is not None
    assert better.settings == {"choose": "greedy", "combine": "soft"}
    assert better.sentence.startswith("another voting rule (`choose: greedy`, `combine: soft`)")
    assert "should score 85.0 %, 50.0 points more than the grid's" in better.sentence
    # By hand: what each pair gains, squared and summed.
    gained = np.isin(np.arange(40), most).astype(int) - np.isin(np.arange(40), few)
    squares = (gained.reshape(20, 2).sum(axis=1) ** 2).sum()
    assert better.error == pytest.approx(squares**0.5 / 40, abs=1e-6)


def test_a_rule_that_is_better_by_luck_or_only_looks_better_is_not_named() -> None:
    few, most = list(range(20)), list(range(36))
    by_luck = {"grids": 0.5, "greedy-soft": 0.55}
    assert voted({"grids": few, "greedy-soft": [*few[2:], 30, 31, 32, 33]}, by_luck) is None
    assert voted({"grids": few, "greedy-soft": most}, {"grids": 0.5, "greedy-soft": 0.5}) is None


def test_a_score_within_luck_of_guessing_is_said_with_the_class_that_would_be_guessed() -> None:
    labels = np.repeat([0, 1], [27, 13])
    assert guessing(labels, ("a", "b"), 0.9) is None
    # Of 40 clips a share of 0.675 is known to within 0.145.
    assert guessing(labels, ("a", "b"), 0.83) is None
    found = guessing(labels, ("a", "b"), 0.81)
    assert found is not None
    assert (found.label, found.share) == ("a", 0.675)
    assert "always saying 'a' is right on 67.5 % of the validation clips" in found.sentence
