"""Folds: every clip validates once, groups stay whole, classes are spread."""

from collections import Counter

import pytest

from jobs.data.drawn_split import draw_split
from jobs.data.folds import draw_folds
from jobs.data.split import SplitConfig
from jobs.errors import InputError
from tests.jobs.data.letters import dataset_of


def test_every_clip_validates_once_and_classes_are_spread() -> None:
    labels = [0] * 50 + [1] * 30 + [2] * 21
    folds = draw_folds(labels, [str(p) for p in range(101)], 5, seed=0)
    assert sorted(p for fold in folds for p in fold) == list(range(101))
    for fold in folds:
        counts = Counter(labels[p] for p in fold)
        assert counts[0] == 10
        assert counts[1] == 6
        assert counts[2] in (4, 5)
    assert folds == draw_folds(labels, [str(p) for p in range(101)], 5, seed=0)
    assert folds != draw_folds(labels, [str(p) for p in range(101)], 5, seed=1)


def test_groups_stay_whole_and_every_class_trains_where_it_can() -> None:
    # Class 2 lies in two groups: with them in one fold, nothing of it would train.
    labels = [p % 2 for p in range(60)] + [2] * 6
    groups = [f"g{p // 4}" for p in range(60)] + ["h", "h", "h", "i", "i", "i"]
    for seed in range(10):
        folds = draw_folds(labels, groups, 3, seed)
        for fold in folds:
            inside = {groups[p] for p in fold}
            outside = {groups[p] for p in range(66) if p not in fold}
            assert not inside & outside
            assert {labels[p] for p in range(66) if p not in fold} == {0, 1, 2}


def test_manifest_folds_are_all_taken_or_the_one_that_is_named() -> None:
    dataset = dataset_of("ab" * 20, folds="12345" * 8)
    split = draw_split(dataset, SplitConfig(folds="manifest"))
    assert [{p % 5 for p in fold.validation} for fold in split.folds] == [{0}, {1}, {2}, {3}, {4}]
    assert all(len(fold.training) == 32 for fold in split.folds)
    (only,) = draw_split(dataset, SplitConfig(folds="manifest", validation_fold=2)).folds
    assert only == split.folds[1]


@pytest.mark.parametrize(
    ("config", "groups", "said"),
    [
        (SplitConfig(folds=5), "ggggghhhhh", "needs as many groups of clips; there are 2"),
        (SplitConfig(folds=11), None, "needs a class of 11 clips or more; the largest has 5"),
        (SplitConfig(folds=2, validation_fold=1), None, "`validation_fold` needs"),
        (SplitConfig(folds=2), "ababababab", "no training clip of class"),
    ],
)
def test_folds_that_cannot_be_had_are_refused(
    config: SplitConfig, groups: str | None, said: str
) -> None:
    with pytest.raises(InputError, match=said):
        draw_split(dataset_of("ab" * 5, groups=groups), config)


def test_a_number_of_folds_below_two_is_refused() -> None:
    with pytest.raises(InputError, match="folds"):
        SplitConfig.checked({"folds": 1}, "grid.yaml")
    with pytest.raises(InputError, match="folds"):
        SplitConfig.checked({"folds": "five"}, "grid.yaml")
    with pytest.raises(InputError, match="folds"):
        SplitConfig.checked({"folds": True}, "grid.yaml")
