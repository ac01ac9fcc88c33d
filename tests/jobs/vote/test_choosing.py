"""Which candidates a rule chooses, on rankings whose answer is known."""

import numpy as np
import pytest

from jobs.vote.ranking import Ranking
from jobs.vote.rules import CHOOSE, VoteRules
from jobs.vote.rules.greedy import BAGS, MOST_PICKS, START, _bag


def ranking_of(
    said: np.ndarray, labels: np.ndarray, runs: list[int] | None = None, weights: object = None
) -> Ranking:
    """Return a ranking of candidates, best first by accuracy."""
    right = (np.nan_to_num(said).argmax(axis=2) == labels).mean(axis=1)
    order = np.argsort(-right, kind="stable")
    said = said[order].astype(np.float32)
    of_runs = np.asarray(runs or range(len(said)))[order]
    counts = np.ones(len(labels)) if weights is None else np.asarray(weights, float)
    return Ranking(of_runs, labels, counts, lambda n: said[:n])


def noisy(rng: np.random.Generator, labels: np.ndarray, share: float, classes: int) -> np.ndarray:
    """Return probabilities of one candidate that is right on a share of the clips."""
    says = np.where(rng.random(len(labels)) < share, labels, (labels + 1) % classes)
    return 0.6 * np.eye(classes)[says] + 0.4 * rng.dirichlet(np.ones(classes), len(labels))


def accuracy(said: np.ndarray, picks: list[int], labels: np.ndarray) -> float:
    return float((np.nan_to_num(said)[picks].sum(axis=0).argmax(axis=1) == labels).mean())


def not_asked(_: int) -> np.ndarray:
    raise AssertionError("this rule looks at no predictions")


def test_best_takes_the_first_even_of_one_run() -> None:
    ranking = Ranking(np.zeros(9, int), np.zeros(1, int), np.ones(1), not_asked)
    assert CHOOSE["best"](ranking, VoteRules(votes=5)) == [0, 1, 2, 3, 4]
    assert CHOOSE["best"](ranking, VoteRules(votes=20)) == list(range(9))


def test_best_per_run_takes_at_most_so_many_of_each_run() -> None:
    runs = np.array([7, 7, 7, 3, 7, 3, 3, 5])
    ranking = Ranking(runs, np.zeros(1, int), np.ones(1), not_asked)
    rule = CHOOSE["best-per-run"]
    assert rule(ranking, VoteRules(votes=5)) == [0, 3, 7]
    assert rule(ranking, VoteRules(votes=5, per_run=2)) == [0, 1, 3, 5, 7]
    assert rule(ranking, VoteRules(votes=3, per_run=2)) == [0, 1, 3]


def test_greedy_finds_candidates_that_differ_where_the_best_are_copies() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 600)
    clone = noisy(rng, labels, 0.80, 3)
    others = [noisy(rng, labels, 0.74, 3) for _ in range(12)]
    ranking = ranking_of(np.stack([*(clone,) * 6, *others]), labels)
    said = ranking.first(18)
    best = CHOOSE["best"](ranking, VoteRules())
    picks = CHOOSE["greedy"](ranking, VoteRules())
    assert accuracy(said, best, labels) == pytest.approx(0.80, abs=0.03)
    assert accuracy(said, picks, labels) > 0.88
    assert len(picks) <= BAGS * MOST_PICKS


def greedy_by_a_plain_loop(ranking: Ranking) -> list[int]:
    """The rule as the paper says it, one clip and one candidate after the other."""
    count = min(50, len(ranking.runs))
    said = np.nan_to_num(ranking.first(count)).astype(np.float64)
    labels, weights = ranking.labels, ranking.weights

    def score(picks: list[int]) -> tuple[float, float]:
        right = sure = 0.0
        for clip, label in enumerate(labels):
            sums = [sum(said[p, clip, k] for p in picks) for k in range(said.shape[2])]
            others = max(s for k, s in enumerate(sums) if k != label)
            right += weights[clip] * (sums[label] > others)
            sure += weights[clip] * sums[label]
        return right, round(sure, 3)

    found = []
    for number in range(BAGS):
        bag = _bag(count, number).tolist()
        picks = bag[:START]
        kept, best = START, score(picks)[0]
        while len(picks) < MOST_PICKS:
            picks.append(max(bag, key=lambda p: score([*picks, p])))
            if score(picks)[0] > best:
                kept, best = len(picks), score(picks)[0]
        found += picks[:kept]
    return sorted(found)


def test_greedy_picks_what_a_plain_loop_picks() -> None:
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 3, 25)
    said = np.stack([noisy(rng, labels, share, 3) for share in np.linspace(0.4, 0.7, 8)])
    said[2, 3] = np.nan  # one clip that one candidate could not read
    weights = rng.integers(0, 3, 25)
    ranking = ranking_of(said, labels, weights=weights)
    picks = CHOOSE["greedy"](ranking, VoteRules())
    assert picks == greedy_by_a_plain_loop(ranking)
    assert len(set(picks)) < len(picks)


def test_greedy_of_few_leaves_out_who_spoils_the_vote_and_keeps_who_helps() -> None:
    labels = np.repeat([0, 1], 50)
    rng = np.random.default_rng(0)
    good, bad = noisy(rng, labels, 0.9, 2), noisy(rng, labels, 0.2, 2)
    assert set(CHOOSE["greedy"](ranking_of(np.stack([good, bad]), labels), VoteRules())) == {0}
    # Each is sure where it is right and doubts where it is wrong: together they are never wrong.
    sure, doubting = np.eye(2)[labels], np.array([[0.45, 0.55], [0.55, 0.45]])[labels]
    even = (np.arange(100) % 2 == 0)[:, None]
    halves = np.stack([np.where(even, sure, doubting), np.where(even, doubting, sure)])
    assert set(CHOOSE["greedy"](ranking_of(halves, labels), VoteRules())) == {0, 1}
    assert CHOOSE["greedy"](ranking_of(good[None], labels), VoteRules()) == [0] * BAGS
