"""Known ballots have known winners."""

import numpy as np
import pytest

from jobs.vote.majority import majority_vote


def ballots(*clips: list[list[float]]) -> np.ndarray:
    """Each argument is one clip: a row of class probabilities for each voter."""
    return np.array(clips, dtype=np.float32).transpose(1, 0, 2)


def test_most_votes_win_even_against_a_higher_sum() -> None:
    decision = majority_vote(ballots([[0.51, 0.49], [0.51, 0.49], [0.0, 1.0]]))
    assert decision.winners.tolist() == [0]
    assert decision.votes.tolist() == [[0], [0], [1]]
    assert decision.agreement.tolist() == pytest.approx([2 / 3])


def test_a_tie_goes_to_the_higher_summed_probability() -> None:
    tie = [[0.6, 0.4, 0.0], [0.0, 0.9, 0.1]]
    assert majority_vote(ballots(tie)).winners.tolist() == [1]


def test_only_tied_classes_are_compared() -> None:
    # Class 2 has the highest sum (1.7) but nobody's vote.
    tie = [[0.5, 0.05, 0.45], [0.5, 0.05, 0.45], [0.05, 0.55, 0.4], [0.05, 0.55, 0.4]]
    decision = majority_vote(ballots(tie))
    assert decision.winners.tolist() == [1]


def test_a_perfect_tie_goes_to_the_first_class() -> None:
    assert majority_vote(ballots([[0.0, 1.0], [1.0, 0.0]])).winners.tolist() == [0]


def test_a_clip_that_nobody_could_read_has_no_winner() -> None:
    nan = float("nan")
    decision = majority_vote(ballots([[nan, nan]], [[0.2, 0.8]]))
    assert decision.winners.tolist() == [-1, 1]
    assert decision.votes.tolist() == [[-1, 1]]
    assert decision.agreement.tolist() == [0, 1]


def test_who_cannot_read_a_clip_does_not_vote_on_it() -> None:
    nan = float("nan")
    decision = majority_vote(ballots([[nan, nan], [0.1, 0.9], [0.1, 0.9], [0.8, 0.2]]))
    assert decision.winners.tolist() == [1]
    assert decision.votes.T.tolist() == [[-1, 1, 1, 0]]
    assert decision.agreement.tolist() == pytest.approx([2 / 3])


def test_against_a_plain_loop() -> None:
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet(np.ones(4), size=(5, 300)).astype(np.float32)
    decision = majority_vote(probabilities)
    for clip in range(300):
        votes = [int(probabilities[v, clip].argmax()) for v in range(5)]
        most = max(votes.count(c) for c in range(4))
        tied = [c for c in range(4) if votes.count(c) == most]
        sums = {c: probabilities[:, clip, c].astype(float).sum() for c in tied}
        assert decision.winners[clip] == max(tied, key=lambda c: sums[c])
