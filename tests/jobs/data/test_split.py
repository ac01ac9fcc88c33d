"""The split is stratified, keeps groups whole and is the same each time."""

import itertools
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from jobs.data.dataset import Dataset
from jobs.data.drawn_split import draw_split, stored_or_drawn_split
from jobs.data.holdout import held_out as holdout_of
from jobs.data.manifest import Clip, Manifest
from jobs.data.split import Fold, Split, SplitConfig, classes_not_validated, split_fingerprint
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
        (
            dataset_of("ab" * 9, groups="gh" * 9),
            SplitConfig(),
            "no group can validate: .*all clips of class 'a' are in group 'g'; .*'b' .* 'h'",
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
            "5 groups of train.csv would train and validate both",
        ),
    ],
)
def test_what_cannot_be_split_is_said(dataset: Dataset, config: SplitConfig, said: str) -> None:
    with pytest.raises(InputError, match=said):
        draw_split(dataset, config)


def test_what_is_held_out_stands_in_no_fold_and_no_seed_moves_it() -> None:
    dataset = dataset_of("a" * 50 + "b" * 30 + "c" * 20)
    first = draw_split(dataset, SplitConfig(holdout=0.1))
    assert Counter(dataset.labels(first.holdout)) == {0: 5, 1: 3, 2: 2}
    (fold,) = first.folds
    assert sorted(fold.training + fold.validation + first.holdout) == list(range(100))
    assert len(fold.validation) == 18
    other = draw_split(dataset, SplitConfig(holdout=0.1, split_seed=1))
    assert other.holdout == first.holdout
    assert other.folds != first.folds
    folds = draw_split(dataset, SplitConfig(holdout=0.1, folds=3))
    assert folds.holdout == first.holdout
    everyone = sorted(p for fold in folds.folds for p in fold.validation)
    assert sorted((*everyone, *folds.holdout)) == list(range(100))


def test_a_holdout_keeps_groups_whole_and_is_stored(tmp_path: Path) -> None:
    groups = "".join(chr(65 + p // 4) for p in range(80))
    dataset = dataset_of("ab" * 40, groups=groups)
    config = SplitConfig(holdout=0.2)
    split = draw_split(dataset, config)
    (fold,) = split.folds
    sides = [{groups[p] for p in part} for part in (*vars(fold).values(), split.holdout)]
    assert all(sides)
    assert sum(map(len, sides)) == len(set(groups))
    split.save(tmp_path / "split.csv")
    assert stored_or_drawn_split(tmp_path / "split.csv", dataset, config) == split
    # A file of a split that holds nothing out is none of this configuration.
    draw_split(dataset, SplitConfig()).save(tmp_path / "split.csv")
    assert stored_or_drawn_split(tmp_path / "split.csv", dataset, config) == split


def held_out_ids(labels: str, groups: str | None = None, without: int | None = None) -> set[str]:
    """Return the ids that are held out of clips that are known by their contents."""
    everyone = dataset_of(labels, groups).labelled.clips
    clips = tuple(replace(c, sha256=f"content {c.id}") for c in everyone if c.id != str(without))
    dataset = Dataset(Manifest(Path("/data"), clips), Manifest(Path("/data"), ()))
    return {clips[p].id for p in draw_split(dataset, SplitConfig(holdout=0.1)).holdout}


@pytest.mark.parametrize("groups", [None, "".join(chr(65 + p // 6) for p in range(300))])
def test_a_corrected_label_or_a_dropped_clip_hardly_moves_the_holdout(groups: str | None) -> None:
    labels = "abc" * 100
    before = held_out_ids(labels, groups)
    assert 25 <= len(before) <= 36
    for changed in (0, 7, 150, 299, int(min(before, key=int))):
        corrected = (
            labels[:changed] + "abca"["abc".index(labels[changed]) + 1] + labels[changed + 1 :]
        )
        assert len(before - held_out_ids(corrected, groups)) <= (2 if groups is None else 6)
        assert len(before - held_out_ids(labels, groups, without=changed)) <= (
            1 if groups is None else 6
        )


def test_clips_of_one_content_are_held_out_together_or_not_at_all() -> None:
    clips = tuple(
        Clip(str(p), f"{p}.mp3", sha256=f"content {p // 2}", label="ab"[p // 2 % 2])
        for p in range(200)
    )
    dataset = Dataset(Manifest(Path("/data"), clips), Manifest(Path("/data"), ()))
    held_out = set(draw_split(dataset, SplitConfig(holdout=0.2)).holdout)
    assert len(held_out) == 40
    assert all((p in held_out) == (p + 1 in held_out) for p in range(0, 200, 2))


def test_a_holdout_leaves_each_class_a_group_to_train_and_one_to_validate() -> None:
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(200):
        names = list("ABCDEFGHIJ"[: rng.integers(2, 11)])
        groups = "".join(rng.choice(names, size=60, p=rng.dirichlet(np.full(len(names), 0.7))))
        labels = "".join("xyz"[(ord(g) + int(rng.integers(0, 2))) % 3] for g in groups)
        dataset = dataset_of(labels, groups)
        of_class = {label: {g for g, other in zip(groups, labels, strict=True) if other == label}
                    for label in labels}  # fmt: skip
        can = [g for g in set(groups)
               if all(len(of - {g}) >= 2 for of in of_class.values() if g in of)]  # fmt: skip
        if min(map(labels.count, set(labels))) < 3:
            continue
        if not can:
            refused += 1
            with pytest.raises(InputError, match="drop `holdout`"):
                holdout_of(dataset, 0.1)
            continue
        held_out = holdout_of(dataset, 0.1)
        gone = {groups[p] for p in held_out}
        assert gone
        assert {p for p in range(60) if groups[p] in gone} == set(held_out)
        assert all(len(of - gone) >= min(2, len(of)) for of in of_class.values())
    assert 10 < refused < 150


def test_folds_that_a_holdout_leaves_no_groups_for_say_so() -> None:
    dataset = dataset_of("ab" * 15, groups="gggggggggghhhhhhhhhhiiiiiiiiii")
    with pytest.raises(InputError, match=r"there are 2 \(beside the 10 clips held out\)"):
        draw_split(dataset, SplitConfig(holdout=0.1, folds=3))


def test_the_name_of_a_split_without_holdout_is_what_it_was() -> None:
    dataset = dataset_of("ab" * 10)
    assert split_fingerprint(SplitConfig(), dataset) == "267fbb350eb9d810"
    assert split_fingerprint(SplitConfig(holdout=0.1), dataset) != "267fbb350eb9d810"


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
            with pytest.raises(InputError, match=r"no group can validate|in one group"):
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
