"""The split is stratified, keeps groups whole and is the same each time."""

from collections import Counter
from pathlib import Path

import pytest

from jobs.data.manifest import Clip, Manifest
from jobs.data.split import (
    Split,
    SplitConfig,
    classes_not_validated,
    draw_split,
    split_fingerprint,
    stored_or_drawn_split,
)
from jobs.errors import InputError


def manifest_of(labels: str, groups: str | None = None, folds: str | None = None) -> Manifest:
    """One clip a character."""
    clips = tuple(
        Clip(
            str(i),
            f"{i}.mp3",
            1,
            1,
            label=label,
            group=None if groups is None or groups[i] == "-" else groups[i],
            fold=None if folds is None or folds[i] == "-" else int(folds[i]),
        )
        for i, label in enumerate(labels)
    )
    return Manifest(Path("/data"), clips, (), tuple(sorted(set(labels))))


def test_a_fifth_of_each_class_validates() -> None:
    manifest = manifest_of("a" * 50 + "b" * 30 + "c" * 20)
    split = draw_split(manifest, SplitConfig())
    assert Counter(manifest.labels(split.validation)) == {0: 10, 1: 6, 2: 4}
    assert sorted(split.training + split.validation) == list(range(100))


def test_the_seed_decides_and_nothing_else() -> None:
    manifest = manifest_of("ab" * 50)
    assert draw_split(manifest, SplitConfig()) == draw_split(manifest, SplitConfig())
    other = SplitConfig(split_seed=1)
    assert draw_split(manifest, other) != draw_split(manifest, SplitConfig())
    assert split_fingerprint(other, manifest) != split_fingerprint(SplitConfig(), manifest)


def test_no_group_stands_on_both_sides() -> None:
    groups = "aabbccddeeffgghhiijj" * 2
    manifest = manifest_of("xy" * 20, groups=groups)
    split = draw_split(manifest, SplitConfig())
    sides = [{groups[p] for p in part} for part in (split.training, split.validation)]
    assert sides[1]
    assert not sides[0] & sides[1]


def test_folds_are_used_only_when_asked_for() -> None:
    manifest = manifest_of("ab" * 20, folds="12345" * 8)
    asked = draw_split(manifest, SplitConfig(folds="manifest", validation_fold=3))
    assert all(p % 5 == 2 for p in asked.validation)
    assert len(asked.validation) == 8
    assert draw_split(manifest, SplitConfig()) == draw_split(manifest_of("ab" * 20), SplitConfig())


@pytest.mark.parametrize(
    ("manifest", "config", "said"),
    [
        (manifest_of("aaab"), SplitConfig(), "class 'b' has only one labelled clip"),
        (manifest_of("ab" * 9, folds="1" * 17 + "-"), SplitConfig(folds="manifest"), "1 of 18"),
        (
            manifest_of("ab" * 9, folds="12" * 9),
            SplitConfig(folds="manifest", validation_fold=7),
            r"`validation_fold: 7` is not in train.csv, which has \[1, 2\]",
        ),
        (manifest_of("ab" * 9, groups="gh" * 9), SplitConfig(), "2 groups cannot be split"),
        (manifest_of("ab" * 4, groups="abcdefgh"), SplitConfig(), "8 labelled clips in 8 groups"),
        (
            manifest_of("ab" * 9, folds="12" * 9),
            SplitConfig(folds="manifest"),
            "no training clip of class 'a'",
        ),
    ],
)
def test_what_cannot_be_split_is_said(manifest: Manifest, config: SplitConfig, said: str) -> None:
    with pytest.raises(InputError, match=said):
        draw_split(manifest, config)


def test_tiny_data_still_validates_every_class() -> None:
    manifest = manifest_of("abcd" * 2)
    assert set(manifest.labels(draw_split(manifest, SplitConfig()).validation)) == {0, 1, 2, 3}


@pytest.mark.parametrize("damage", ["drop a row", "double a row", "garbage", "empty"])
def test_a_damaged_split_is_drawn_again(tmp_path: Path, damage: str) -> None:
    manifest, path = manifest_of("ab" * 50), tmp_path / "split.csv"
    split = draw_split(manifest, SplitConfig())
    split.save(path)
    assert stored_or_drawn_split(path, manifest, SplitConfig()) == split
    lines = path.read_text().splitlines(keepends=True)
    texts = {
        "drop a row": lines[:5] + lines[6:],
        "double a row": [*lines, lines[-1]],
        "garbage": ["x,y\n", "1,2\n"],
        "empty": [],
    }
    path.write_text("".join(texts[damage]))
    assert stored_or_drawn_split(path, manifest, SplitConfig()) == split


def test_a_stored_split_wins_over_drawing_one(tmp_path: Path) -> None:
    manifest, path = manifest_of("ab" * 50), tmp_path / "split.csv"
    other = draw_split(manifest, SplitConfig(split_seed=1))
    other.save(path)
    assert stored_or_drawn_split(path, manifest, SplitConfig()) == other


def test_a_stored_split_loads_as_it_was(tmp_path: Path) -> None:
    split = draw_split(manifest_of("ab" * 50), SplitConfig())
    split.save(tmp_path / "split.csv")
    assert Split.load(tmp_path / "split.csv") == split


@pytest.mark.parametrize("share", [0.03, 0.1, 0.2, 0.25, 0.3, 0.5, 0.7, 0.97])
def test_with_groups_the_share_is_the_one_asked_for(share: float) -> None:
    groups = "".join(chr(ord("A") + k // 4) for k in range(200))
    manifest = manifest_of("wxyz" * 50, groups=groups)
    split = draw_split(manifest, SplitConfig(validation=share))
    assert len(split.validation) / 200 == pytest.approx(share, abs=0.06)


def test_a_class_that_does_not_validate_is_named() -> None:
    manifest = manifest_of("a" * 250 + "b" * 250 + "cc")
    split = draw_split(manifest, SplitConfig())
    assert classes_not_validated(manifest, split) == ["c"]
