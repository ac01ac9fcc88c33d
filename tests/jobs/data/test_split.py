"""The split is stratified, keeps groups whole and is the same each time."""

import itertools
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from jobs.data.dataset import Dataset
from jobs.data.drawn_split import draw_split, stored_or_drawn_split
from jobs.data.split import Fold, Split, SplitConfig, classes_not_validated, split_fingerprint
from jobs.errors import InputError
from tests.jobs.data.letters import dataset_of, only_fold


def test_a_fifth_of_each_class_validates() -> None:
    dataset = dataset_of("a" * 50 + "b" * 30 + "c" * 20)
    fold = only_fold(dataset)
    assert Counter(dataset.labels(fold.validation)) == {0: 10, 1: 6, 2: 4}
    assert sorted(fold.training + fold.validation) == list(range(100))


def test_the_seed_decides_and_nothing_else() -> None:
    dataset = dataset_of("ab" * 50)
    assert draw_split(dataset, SplitConfig()) == draw_split(dataset, SplitConfig())
    other = SplitConfig(split_seed=1)
    assert draw_split(dataset, other) != draw_split(dataset, SplitConfig())
    assert split_fingerprint(other, dataset) != split_fingerprint(SplitConfig(), dataset)


@pytest.mark.parametrize(
    "sizes", [[17] * 12, [8, 25, 4, 19, 12, 9, 27, 14, 30, 6, 21, 11]], ids=str
)
def test_another_seed_parts_few_groups_otherwise(sizes: list[int]) -> None:
    """Twelve recorders: no two of them are just a fifth, and there is more than one good split."""
    letters = "".join(chr(ord("a") + k) * size for k, size in enumerate(sizes))
    # By chance, so that groups differ in their classes: folds follow these more than the seed.
    labels = "".join(np.random.default_rng(0).choice(list("abcd"), sum(sizes)))
    drawn = {}
    for seed in range(10):
        fold = draw_split(dataset_of(labels, groups=letters), SplitConfig(split_seed=seed)).folds[0]
        assert 0.15 <= len(fold.validation) / sum(sizes) <= 0.25
        drawn[seed] = fold.validation
    assert len(set(drawn.values())) >= 4
    again = draw_split(dataset_of(labels, groups=letters), SplitConfig(split_seed=3)).folds[0]
    assert again.validation == drawn[3]


def test_no_group_stands_on_both_sides() -> None:
    groups = "aabbccddeeffgghhiijj" * 2
    dataset = dataset_of("xy" * 20, groups=groups)
    fold = only_fold(dataset)
    sides = [{groups[p] for p in part} for part in (fold.training, fold.validation)]
    assert sides[1]
    assert not sides[0] & sides[1]


def test_folds_are_used_only_when_asked_for() -> None:
    dataset = dataset_of("ab" * 20, folds="12345" * 8)
    asked = only_fold(dataset, SplitConfig(folds="manifest", validation_fold=3))
    assert all(p % 5 == 2 for p in asked.validation)
    assert len(asked.validation) == 8
    assert draw_split(dataset, SplitConfig()) == draw_split(dataset_of("ab" * 20), SplitConfig())


@pytest.mark.parametrize(
    ("dataset", "config", "said"),
    [
        (dataset_of("aaab"), SplitConfig(), "class 'b' has only one labelled clip"),
        (dataset_of("ab" * 9, folds="1" * 17 + "-"), SplitConfig(folds="manifest"), "1 of 18"),
        (
            dataset_of("ab" * 9, folds="12" * 9),
            SplitConfig(folds="manifest", validation_fold=7),
            r"`validation_fold: 7` is not in train.csv, which has \[1, 2\]",
        ),
        (
            dataset_of("ab" * 9, groups="gh" * 9),
            SplitConfig(),
            "no group can be used for validation: .*class 'a' are in group 'g'; .*'b' .* 'h'",
        ),
        (dataset_of("ab" * 9, groups="g" * 18), SplitConfig(), "are in one group, 'g'"),
        (
            dataset_of("ab" * 9, folds="12" * 9),
            SplitConfig(folds="manifest"),
            "no training clip of class 'a'",
        ),
        (dataset_of("aabbb"), SplitConfig(holdout=0.2), "'a' has only 2 labelled clips; with"),
        (
            dataset_of("ab" * 10, groups="gghhiijjkk" * 2, folds="12" * 10),
            SplitConfig(folds="manifest"),
            "5 groups of train.csv would be on both sides of a split",
        ),
    ],
)
def test_what_cannot_be_split_is_said(dataset: Dataset, config: SplitConfig, said: str) -> None:
    with pytest.raises(InputError, match=said):
        draw_split(dataset, config)


def test_tiny_data_still_validates_every_class() -> None:
    dataset = dataset_of("abcd" * 2)
    assert set(dataset.labels(only_fold(dataset).validation)) == {0, 1, 2, 3}


@pytest.mark.parametrize("damage", ["drop a row", "double a row", "garbage", "empty"])
def test_a_damaged_split_is_drawn_again(tmp_path: Path, damage: str) -> None:
    dataset, path = dataset_of("ab" * 50), tmp_path / "split.csv"
    split = draw_split(dataset, SplitConfig())
    split.save(path)
    assert stored_or_drawn_split(path, dataset, SplitConfig()) == split
    lines = path.read_text().splitlines(keepends=True)
    texts = {
        "drop a row": lines[:5] + lines[6:],
        "double a row": [*lines, lines[-1]],
        "garbage": ["x,y\n", "1,2\n"],
        "empty": [],
    }
    path.write_text("".join(texts[damage]))
    assert stored_or_drawn_split(path, dataset, SplitConfig()) == split


def test_a_stored_split_wins_over_drawing_one(tmp_path: Path) -> None:
    dataset, path = dataset_of("ab" * 50), tmp_path / "split.csv"
    other = draw_split(dataset, SplitConfig(split_seed=1))
    other.save(path)
    assert stored_or_drawn_split(path, dataset, SplitConfig()) == other


def test_a_stored_split_loads_as_it_was(tmp_path: Path) -> None:
    split = draw_split(dataset_of("ab" * 50), SplitConfig())
    split.save(tmp_path / "split.csv")
    assert Split.load(tmp_path / "split.csv") == split


@pytest.mark.parametrize("share", [0.03, 0.1, 0.2, 0.25, 0.3, 0.5, 0.7, 0.97])
def test_with_groups_the_share_is_the_one_asked_for(share: float) -> None:
    groups = "".join(chr(ord("A") + k // 4) for k in range(200))
    dataset = dataset_of("wxyz" * 50, groups=groups)
    fold = only_fold(dataset, SplitConfig(validation=share))
    assert len(fold.validation) / 200 == pytest.approx(share, abs=0.06)


def test_a_class_that_does_not_validate_is_named() -> None:
    dataset = dataset_of("a" * 250 + "b" * 250 + "cc")
    split = draw_split(dataset, SplitConfig())
    assert classes_not_validated(dataset, split) == ["c"]


def shares(dataset: Dataset, fold: Fold) -> dict[str, float]:
    validating = [dataset.classes[index] for index in dataset.labels(fold.validation)]
    return {label: validating.count(label) / n for label, n in dataset.class_counts.items()}


def fewest_not_validated(labels: str, groups: str) -> int | None:
    """Try every choice of groups; None if each leaves a class without training clips."""
    classes_of = {g: Counter() for g in set(groups)}  # type: dict[str, Counter[str]]
    for label, group in zip(labels, groups, strict=True):
        classes_of[group][label] += 1
    total = Counter(labels)
    fewest = []
    for size in range(1, len(classes_of)):
        for chosen in itertools.combinations(classes_of, size):
            held = sum((classes_of[g] for g in chosen), Counter())
            if all(held[label] < n for label, n in total.items()):
                fewest.append(sum(held[label] == 0 for label in total))
    return min(fewest, default=None)


def test_no_split_that_exists_is_refused_and_no_class_is_stranded_that_need_not_be() -> None:
    """Made data of few, uneven groups; all choices of groups are tried to know what can be had."""
    rng = np.random.default_rng(0)
    outcomes = Counter[str]()
    for _ in range(200):
        names = list("ABCDEFGHIJ"[: rng.integers(3, 11)])
        groups = "".join(rng.choice(names, size=60, p=rng.dirichlet(np.full(len(names), 0.7))))
        labels = "".join("xyz"[(ord(g) + int(rng.integers(0, 2))) % 3] for g in groups)
        dataset, fewest = dataset_of(labels, groups=groups), fewest_not_validated(labels, groups)
        if fewest is None:
            with pytest.raises(
                InputError, match=r"no group can be used for validation|in one group"
            ):
                draw_split(dataset, SplitConfig())
            outcomes["refused"] += 1
            continue
        fold = only_fold(dataset)
        assert not {groups[p] for p in fold.training} & {groups[p] for p in fold.validation}
        held = shares(dataset, fold).values()
        assert max(held) < 1
        assert sum(share == 0 for share in held) == fewest, (labels, groups)
        outcomes[f"{fewest} not validated"] += 1
    assert outcomes["0 not validated"] > 100
    assert outcomes["refused"] > 0


@pytest.mark.parametrize("seed", range(30))
def test_one_recorder_who_owns_most_clips_trains(seed: int) -> None:
    groups = "R" * 160 + "".join(chr(ord("a") + k // 4) for k in range(40))
    fold = only_fold(dataset_of("wxyz" * 50, groups=groups), SplitConfig(split_seed=seed))
    assert (len(fold.training), len(fold.validation)) == (160, 40)


def test_a_class_in_one_group_alone_trains() -> None:
    groups, labels = "abcdefgh" * 5 + "r" * 6, "xy" * 20 + "z" * 6
    dataset = dataset_of(labels, groups=groups)
    fold = only_fold(dataset)
    assert shares(dataset, fold)["z"] == 0
    assert 0 < shares(dataset, fold)["x"] < 1


def test_as_many_groups_as_clips_are_split() -> None:
    dataset = dataset_of("ab" * 4, groups="abcdefgh")
    assert set(shares(dataset, only_fold(dataset)).values()) == {0.25}
