"""Recordings on both sides are found from the audit's file, and told with what they change."""

from pathlib import Path

import numpy as np

from jobs.audit.clusters import Cluster
from jobs.audit.recordings import Recording, load_recordings, save_recordings
from jobs.data.dataset import Dataset
from jobs.data.manifest import Clip, Manifest
from jobs.data.split import Fold, Split
from jobs.vote.estimate.copies import find_copies
from jobs.vote.estimate.warned import warnings_of
from tests.jobs.data.test_split import dataset_of
from tests.jobs.vote.test_warned import seen_of


def with_test(labels: str, tests: int) -> Dataset:
    labelled = dataset_of(labels).labelled
    clips = tuple(Clip(str(n), f"test/{n}.mp3") for n in range(tests))
    return Dataset(labelled, Manifest(labelled.root, clips))


def test_what_the_audit_wrote_is_read_again(tmp_path: Path) -> None:
    clips = [Clip("0", "a, b.mp3", label="x"), Clip("1", 'q"1.mp3'), Clip("2", "=c.mp3", label="y")]
    save_recordings(
        tmp_path, clips, [Cluster((0, 1), "near", 0.91, 0.1), Cluster((0, 2), "exact", 1, 0)]
    )
    assert load_recordings(tmp_path) == [
        Recording("near", ("a, b.mp3", 'q"1.mp3')),
        Recording("exact", ("a, b.mp3", "=c.mp3")),
    ]


def test_each_part_knows_its_copies() -> None:
    dataset = with_test("ab" * 5, tests=3)
    split = Split((Fold((0, 1, 2, 3, 4), (5, 6, 7)),), holdout=(8, 9))
    recordings = [
        ("0.mp3", "5.mp3"),  # trains and validates
        ("1.mp3", "2.mp3"),  # trains alone
        ("6.mp3", "8.mp3"),  # validates and is held out
        ("7.mp3", "test/2.mp3", "test/0.mp3"),
    ]
    copies = find_copies(recordings, dataset, split)
    assert copies.validation is not None
    assert copies.validation.ids == {"5"}
    assert copies.validation.example == ("5.mp3", "0.mp3")
    assert copies.holdout is not None
    assert copies.holdout.ids == {"8"}
    assert copies.test is not None
    assert copies.test.ids == {"0", "2"}
    assert copies.groups == {"0": 0, "5": 0, "1": 1, "2": 1, "6": 2, "8": 2, "7": 3}


def test_with_folds_a_recording_is_on_both_sides_if_two_folds_have_it() -> None:
    dataset = with_test("ab" * 3, tests=0)
    folds = (Fold((3, 4, 5), (0, 1, 2)), Fold((0, 1, 2), (3, 4, 5)))
    recordings = [("0.mp3", "3.mp3"), ("1.mp3", "2.mp3")]
    copies = find_copies(recordings, dataset, Split(folds))
    assert copies.validation is not None
    assert copies.validation.ids == {"0", "3"}
    assert copies.holdout is None
    assert copies.test is None


def test_copies_in_validation_are_told_with_the_score_without_them() -> None:
    validating = list(range(0, 200, 5))
    dataset = dataset_of("ab" * 100)
    training = tuple(p for p in range(200) if p not in validating)
    split = Split((Fold(training, tuple(validating)),))
    recordings = [(f"{p}.mp3", f"{p + 1}.mp3") for p in range(0, 100, 5)]
    right = np.arange(40) < 30  # all twenty copies, and ten of the twenty others
    seen = seen_of(
        "", validating, dataset=dataset, chosen_right=right,
        copies=find_copies(recordings, dataset, split),
    )  # fmt: skip
    (warned,) = warnings_of(seen)
    assert warned.kind == "copies-in-validation"
    assert "20 validation clips of 40 (50 %)" in warned.sentence
    assert "such as 0.mp3 and 1.mp3" in warned.sentence
    assert "without them it is 50.0 %" in warned.sentence


def test_copies_in_the_test_are_told() -> None:
    dataset = with_test("ab" * 100, tests=20)
    split = Split((Fold(tuple(range(160)), tuple(range(160, 200))),))
    copies = find_copies([("3.mp3", "test/7.mp3")], dataset, split)
    found = warnings_of(seen_of("", list(range(160, 200)), dataset=dataset, copies=copies))
    (warned,) = [each for each in found if each.kind == "copies-in-test"]
    assert "1 test clip (5 %) is of recordings that have a label" in warned.sentence
