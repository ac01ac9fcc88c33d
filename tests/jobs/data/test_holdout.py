"""What is held out is seen by no fold, and hardly anything moves it."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from jobs.data.dataset import Dataset
from jobs.data.drawn_split import draw_split, stored_or_drawn_split
from jobs.data.holdout import held_out as holdout_of
from jobs.data.manifest import Clip, Manifest
from jobs.data.split import Fold, Split, SplitConfig, split_fingerprint
from jobs.errors import InputError
from tests.jobs.data.letters import dataset_of


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
    with pytest.raises(InputError, match=r"there are 2\. .* \(10 clips held out are not counted\)"):
        draw_split(dataset, SplitConfig(holdout=0.1, folds=3))


def test_the_name_of_a_split_without_holdout_is_what_it_was() -> None:
    dataset = dataset_of("ab" * 10)
    assert split_fingerprint(SplitConfig(), dataset) == "267fbb350eb9d810"
    assert split_fingerprint(SplitConfig(holdout=0.1), dataset) != "267fbb350eb9d810"


def test_a_split_of_several_folds_and_a_holdout_loads_as_it_was(tmp_path: Path) -> None:
    split = Split((Fold((0, 1, 4), (2, 3)), Fold((2, 3, 4), (0, 1))), holdout=(5,))
    split.save(tmp_path / "split.csv")
    assert Split.load(tmp_path / "split.csv") == split
    assert split.covers(6)
    assert not split.covers(7)
    assert not Split((Fold((0, 1, 2, 3, 4), ()),), holdout=(5,)).covers(6)
