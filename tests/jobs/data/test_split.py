"""The split is stratified, keeps groups whole and is the same each time."""

from collections import Counter
from pathlib import Path

import pytest

from jobs.data.dataset import Dataset
from jobs.data.manifest import Clip, Manifest
from jobs.data.split import (
    Fold,
    Split,
    SplitConfig,
    classes_not_validated,
    draw_split,
    split_fingerprint,
    stored_or_drawn_split,
)
from jobs.errors import InputError


def dataset_of(labels: str, groups: str | None = None, folds: str | None = None) -> Dataset:
    """One clip a character."""
    clips = tuple(
        Clip(
            str(i),
            f"{i}.mp3",
            label=label,
            group=None if groups is None or groups[i] == "-" else groups[i],
            fold=None if folds is None or folds[i] == "-" else int(folds[i]),
        )
        for i, label in enumerate(labels)
    )
    root = Path("/data")
    return Dataset(Manifest(root, clips), Manifest(root, ()))


def only_fold(dataset: Dataset, config: SplitConfig | None = None) -> Fold:
    (fold,) = draw_split(dataset, config or SplitConfig()).folds
    return fold


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
        (dataset_of("ab" * 9, groups="gh" * 9), SplitConfig(), "2 groups cannot be split"),
        (dataset_of("ab" * 4, groups="abcdefgh"), SplitConfig(), "8 labelled clips in 8 groups"),
        (
            dataset_of("ab" * 9, folds="12" * 9),
            SplitConfig(folds="manifest"),
            "no training clip of class 'a'",
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


def test_a_split_of_several_folds_and_a_holdout_loads_as_it_was(tmp_path: Path) -> None:
    split = Split((Fold((0, 1, 4), (2, 3)), Fold((2, 3, 4), (0, 1))), holdout=(5,))
    split.save(tmp_path / "split.csv")
    assert Split.load(tmp_path / "split.csv") == split
    assert split.covers(6)
    assert not split.covers(7)
    assert not Split((Fold((0, 1, 2, 3, 4), ()),), holdout=(5,)).covers(6)
