"""The luck of a choice is taken out of its score, on models whose truth is known."""

import numpy as np
import pytest

from jobs.vote.estimate.calibrated import expected_error, repeat_calibration
from jobs.vote.estimate.compared_rules import Reach, best_of, shown_rules
from jobs.vote.estimate.interval import Sample
from jobs.vote.estimate.labels import labels_to_check
from jobs.vote.estimate.pool import Pool
from jobs.vote.estimate.selection import Repeated, macro_f1, repeat_selection
from jobs.vote.estimate.simple import Simple
from jobs.vote.rules import VoteRules

SINGLE = VoteRules(votes=1)


def pool_of(
    said: np.ndarray, labels: np.ndarray, entries: object = None, groups: object = None
) -> Pool:
    models, clips = said.shape[:2]
    return Pool(
        entries=np.arange(models) if entries is None else np.asarray(entries),
        epochs=np.arange(models),
        keep=np.full(models, 5),
        labels=labels,
        said=said.astype(np.float32),
        groups=np.arange(clips) if groups is None else np.asarray(groups),
    )


def coins(rng: np.random.Generator, models: int, clips: int) -> tuple[np.ndarray, np.ndarray]:
    """Return models that guess between two classes: whatever is chosen is right half the time."""
    sure = rng.random((models, clips))
    return np.stack([sure, 1 - sure], axis=2), rng.integers(0, 2, clips)


def test_the_best_of_many_guessers_is_known_to_guess() -> None:
    naive, corrected = [], []
    for seed in range(10):
        pool = pool_of(*coins(np.random.default_rng(seed), 200, 100))
        naive.append(pool.right.mean(axis=1).max())
        repeated = repeat_selection(pool, {"x": SINGLE}, 100, seed=0)["x"]
        corrected.append(repeated.corrected)
        assert repeated.drawn.mean() > 0.6
    assert np.mean(naive) > 0.6
    assert np.mean(corrected) == pytest.approx(0.5, abs=0.02)


def test_the_same_seed_gives_the_same_numbers() -> None:
    pool = pool_of(*coins(np.random.default_rng(0), 20, 50))
    rules = shown_rules(VoteRules())
    one, other = (repeat_selection(pool, rules, 20, seed=3) for _ in range(2))
    assert list(one) == [
        "best-5-hard", "best-5-soft", "best-per-run-5-1-hard", "best-per-run-5-1-soft",
        "greedy-hard", "greedy-soft", "single-best",
    ]  # fmt: skip
    for name in rules:
        assert (one[name].scores == other[name].scores).all()


def test_whole_groups_are_drawn_and_left_out() -> None:
    groups = np.repeat(np.arange(10), 5)
    pool = pool_of(*coins(np.random.default_rng(0), 3, 50), groups=groups)
    assert pool.has_groups
    drawn = pool.draw(np.random.default_rng(1)).reshape(10, 5)
    assert (drawn == drawn[:, :1]).all()
    assert drawn.sum() == 50


def test_of_each_run_no_more_is_kept_than_it_keeps() -> None:
    said, labels = coins(np.random.default_rng(0), 40, 60)
    pool = pool_of(said, labels, entries=np.repeat([0, 1], 20))
    (ranking,) = pool.rankings([np.ones(60)])
    assert sorted(ranking.runs.tolist()) == [0] * 5 + [1] * 5
    right = (ranking.first(10).argmax(axis=2) == labels).mean(axis=1)
    assert (np.diff(right) <= 0).all()
    best_of_run = np.sort(pool.right[:20].mean(axis=1))[::-1][:5]
    assert sorted(right[ranking.runs == 0]) == pytest.approx(sorted(best_of_run))


def test_clips_that_do_not_count_do_not_rank() -> None:
    said, labels = coins(np.random.default_rng(0), 2, 4)
    said[0] = np.eye(2)[labels]
    said[1] = np.eye(2)[1 - labels]
    said[1, 3] = np.eye(2)[labels[3]]
    said[0, 3] = np.eye(2)[1 - labels[3]]
    pool = pool_of(said, labels)
    (ranking,) = pool.rankings([np.array([0.0, 0.0, 0.0, 4.0])])
    assert ranking.runs.tolist() == [1, 0]


def test_who_looked_at_several_rules_chose_among_them() -> None:
    a = Repeated(np.array([0.1, 0.2]), np.array([0.9, 0.5]), np.array([0.0, 0.0]))
    b = Repeated(np.array([0.3, 0.4]), np.array([0.8, 0.6]), np.array([1.0, 1.0]))
    both = best_of([a, b])
    assert both.scores.tolist() == [0.1, 0.4]
    assert both.drawn.tolist() == [0.9, 0.6]


def test_macro_f1_against_scikit_learn() -> None:
    from sklearn.metrics import f1_score

    rng = np.random.default_rng(0)
    labels, said = rng.integers(0, 3, 200), rng.integers(0, 4, 200)
    expected = f1_score(labels, said, labels=[0, 1, 2], average="macro")
    assert macro_f1(labels, said) == pytest.approx(expected)


def test_overconfidence_is_measured_and_mended_out_of_bag() -> None:
    rng = np.random.default_rng(0)
    logits = 1.5 * rng.standard_normal((800, 3))
    true = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels = (true.cumsum(axis=1) > rng.random((800, 1))).argmax(axis=1)
    sharp = np.exp(4 * logits) / np.exp(4 * logits).sum(axis=1, keepdims=True)
    found = repeat_calibration(pool_of(sharp[None], labels), SINGLE, seed=0)
    assert found.temperature == pytest.approx(4, rel=0.2)
    assert found.ece_after < 0.5 * found.ece_before
    assert found.log_loss_after < found.log_loss_before
    assert expected_error(true, labels) < 0.06


def test_planted_wrong_labels_come_first() -> None:
    rng = np.random.default_rng(0)
    true = rng.integers(0, 4, 400)
    said = 0.85 * np.eye(4)[true] + 0.15 * rng.dirichlet(np.ones(4), 400)
    labels = true.copy()
    planted = rng.choice(400, 20, replace=False)
    labels[planted] = (labels[planted] + 1) % 4
    found = labels_to_check([str(k) for k in range(400)], labels, said)
    # Those of which the other class is no surer than it usually is are not suspected.
    assert {int(each.id) for each in found} <= set(planted.tolist())
    assert len(found) >= 15
    assert [each.p_looks_like for each in found] == sorted(
        (each.p_looks_like for each in found), reverse=True
    )
    assert all(each.looks_like == true[int(each.id)] for each in found)
    assert labels_to_check([str(k) for k in range(400)], true, said) == []


def test_one_or_two_validation_groups_are_drawn_from_by_their_clips() -> None:
    said, labels = coins(np.random.default_rng(0), 50, 40)
    none = repeat_selection(pool_of(said, labels), {"x": SINGLE}, 20, seed=0)
    for few in (np.zeros(40), np.arange(40) % 2):
        found = repeat_selection(pool_of(said, labels, groups=few), {"x": SINGLE}, 20, seed=0)
        np.testing.assert_array_equal(found["x"].scores, none["x"].scores)
    three = pool_of(said, labels, groups=np.arange(40) % 3)
    assert (repeat_selection(three, {"x": SINGLE}, 20, 0)["x"].scores != none["x"].scores).any()


def test_the_range_of_a_rule_follows_from_its_own_groups_and_no_other_rule() -> None:
    groups = np.repeat(np.arange(10), 10)
    reach = Reach(groups, Sample.of(groups))
    whole, spread = groups < 6, np.arange(100) % 10 < 6
    assert whole.sum() == spread.sum()
    wide, narrow = reach.of(0.6, whole), reach.of(0.6, spread)
    assert wide[1] - wide[0] > 2 * (narrow[1] - narrow[0])
    assert reach.correlation(whole) == (1.0, 10)


def test_one_or_two_groups_ask_the_simple_classifier_how_much_groups_differ() -> None:
    groups, right = np.arange(40) % 2, np.arange(40) % 4 > 0
    simple = Simple(random=0.8, grouped=0.7, error=0.1, correlation=0.3, groups=12)
    assert Reach(groups, Sample.of(groups), simple).correlation(right) == (0.3, 12)
    assert Reach(np.arange(40), Sample.of(groups), simple).correlation(right) == (0.0, 40)
