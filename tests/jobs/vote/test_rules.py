"""Known votes have known winners, by each rule."""

import numpy as np
import pytest

from jobs.vote.rules import COMBINE, VoteRules
from jobs.vote.tally import Tally, count_votes


def hard(probabilities: np.ndarray) -> Tally:
    return count_votes(probabilities, "hard")


def soft(probabilities: np.ndarray) -> Tally:
    return count_votes(probabilities, "soft")


def voters(*clips: list[list[float]]) -> np.ndarray:
    """Each argument is one clip: a row of class probabilities for each voter."""
    return np.array(clips, dtype=np.float32).transpose(1, 0, 2)


def test_most_votes_win_even_against_a_higher_sum() -> None:
    tally = hard(voters([[0.51, 0.49], [0.51, 0.49], [0.0, 1.0]]))
    assert tally.winners.tolist() == [0]
    assert tally.votes.tolist() == [[0], [0], [1]]
    assert tally.agreement.tolist() == pytest.approx([2 / 3])


def test_a_tie_goes_to_the_higher_summed_probability() -> None:
    tie = [[0.6, 0.4, 0.0], [0.0, 0.9, 0.1]]
    assert hard(voters(tie)).winners.tolist() == [1]


def test_only_tied_classes_are_compared() -> None:
    # Class 2 has the highest sum (1.7) but nobody's vote.
    tie = [[0.5, 0.05, 0.45], [0.5, 0.05, 0.45], [0.05, 0.55, 0.4], [0.05, 0.55, 0.4]]
    tally = hard(voters(tie))
    assert tally.winners.tolist() == [1]


def test_a_perfect_tie_goes_to_the_first_class() -> None:
    assert hard(voters([[0.0, 1.0], [1.0, 0.0]])).winners.tolist() == [0]


def test_a_clip_that_nobody_could_read_has_no_winner() -> None:
    nan = float("nan")
    tally = hard(voters([[nan, nan]], [[0.2, 0.8]]))
    assert tally.winners.tolist() == [-1, 1]
    assert tally.votes.tolist() == [[-1, 1]]
    assert tally.agreement.tolist() == [0, 1]


def test_who_cannot_read_a_clip_does_not_vote_on_it() -> None:
    nan = float("nan")
    tally = hard(voters([[nan, nan], [0.1, 0.9], [0.1, 0.9], [0.8, 0.2]]))
    assert tally.winners.tolist() == [1]
    assert tally.votes.T.tolist() == [[-1, 1, 1, 0]]
    assert tally.agreement.tolist() == pytest.approx([2 / 3])


def test_against_a_plain_loop() -> None:
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet(np.ones(4), size=(5, 300)).astype(np.float32)
    tally = hard(probabilities)
    for clip in range(300):
        votes = [int(probabilities[v, clip].argmax()) for v in range(5)]
        most = max(votes.count(c) for c in range(4))
        tied = [c for c in range(4) if votes.count(c) == most]
        sums = {c: probabilities[:, clip, c].astype(float).sum() for c in tied}
        assert tally.winners[clip] == max(tied, key=lambda c: sums[c])


def test_a_soft_vote_goes_to_the_highest_mean_even_against_most_votes() -> None:
    tally = soft(voters([[0.51, 0.49], [0.51, 0.49], [0.0, 1.0]]))
    assert tally.winners.tolist() == [1]
    assert tally.votes.tolist() == [[0], [0], [1]]
    assert tally.agreement.tolist() == pytest.approx([1 / 3])


def test_a_perfect_tie_of_means_goes_to_the_first_class() -> None:
    assert soft(voters([[0.0, 0.75, 0.25], [0.5, 0.0, 0.5]])).winners.tolist() == [1]
    assert soft(voters([[0.25, 0.75], [0.75, 0.25]])).winners.tolist() == [0]


@pytest.mark.parametrize("combine", COMBINE)
def test_by_every_rule_nobody_votes_on_what_nobody_could_read(combine: str) -> None:
    nan = float("nan")
    tally = count_votes(voters([[nan, nan], [nan, nan]], [[nan, nan], [0.2, 0.8]]), combine)
    assert tally.winners.tolist() == [-1, 1]
    assert tally.agreement.tolist() == [0, 1]


def test_soft_against_a_plain_loop() -> None:
    rng = np.random.default_rng(1)
    probabilities = rng.dirichlet(np.ones(4), size=(5, 300)).astype(np.float32)
    tally = soft(probabilities)
    for clip in range(300):
        means = [np.mean([float(p) for p in probabilities[:, clip, c]]) for c in range(4)]
        assert tally.winners[clip] == int(np.argmax(means))


def test_an_unknown_rule_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="there is no such rule; did you mean `soft`"):
        VoteRules(combine="sotf")
    with pytest.raises(ValueError, match="valid ones are: best"):
        VoteRules(choose="worst")
