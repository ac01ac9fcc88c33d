"""Each warning is heard where its cause is planted, and not where it is not."""

from dataclasses import replace

import numpy as np
import pytest

from jobs.data.dataset import Dataset
from jobs.data.manifest import Clip, Manifest
from jobs.vote.estimate.labels import CheckedLabel
from jobs.vote.estimate.recorded import Difference
from jobs.vote.estimate.shift import Shift
from jobs.vote.estimate.simple import Simple
from jobs.vote.estimate.warned import warnings_of
from jobs.vote.estimate.warned.of_scores import _chance_of
from jobs.vote.estimate.warned.seen import ClipsSeen, Seen
from tests.jobs.data.test_split import dataset_of


def seen_of(labels: str, validating: list[int], **changed: object) -> Seen:
    """Return what is seen of labelled clips, a character each, of which some validate."""
    dataset = changed.pop("dataset", None) or dataset_of(labels)
    assert isinstance(dataset, Dataset)
    clips = len(validating)
    values: dict[str, object] = {
        "dataset": dataset,
        "ids": tuple(str(p) for p in validating),
        "labels": np.array(dataset.labels(validating)),
        "groups": np.arange(clips),
        "right": np.stack([np.ones(clips, bool), np.arange(clips) % 2 == 0]),
        "names": ["good", "bad"],
        "chosen_right": np.ones(clips, bool),
        "suspects": [],
        "out_of_fold": False,
        "corrected": 0.8,
    }
    return Seen(**(values | changed))  # type: ignore[arg-type]


def kinds(seen: Seen) -> list[str]:
    return [warned.kind for warned in warnings_of(seen)]


def test_a_clean_split_with_runs_that_differ_is_not_warned_of() -> None:
    assert kinds(seen_of("ab" * 100, list(range(0, 200, 5)))) == []


def test_a_class_that_nobody_validates_is_named() -> None:
    seen = seen_of("ab" * 100 + "c" * 3, list(range(0, 200, 5)))
    (warned,) = warnings_of(seen)
    assert warned.kind == "classes-not-validated"
    assert "1 class without a validation clip ('c')" in warned.sentence


def test_other_class_shares_in_validation_are_named_with_both() -> None:
    seen = seen_of("a" * 100 + "b" * 100, [*range(45), *range(100, 105)])
    (warned,) = warnings_of(seen)
    assert warned.kind == "class-shares"
    assert "('a': 90 % against 37 %)" in warned.sentence
    whole = seen_of("a" * 100 + "b" * 100, [*range(45), *range(100, 105)], out_of_fold=True)
    assert kinds(whole) == []


def test_the_chi_square_is_scipys() -> None:
    from scipy.stats import chi2_contingency

    table = np.array([[10.0, 20.0, 30.0], [25.0, 20.0, 15.0]])
    assert _chance_of(table) == pytest.approx(chi2_contingency(table).pvalue)


def test_runs_that_the_clips_cannot_tell_apart_are_counted() -> None:
    right = np.ones((4, 40), bool)
    right[1, :1] = False
    right[2, :3] = False
    right[3, :20] = False
    names = ["first", "second", "third", "fourth"]
    seen = seen_of("ab" * 100, list(range(0, 200, 5)), right=right, names=names)
    (warned,) = warnings_of(seen)
    assert warned.kind == "cannot-be-told-apart"
    assert "cannot tell the best 3 runs of 4 apart" in warned.sentence
    assert warned.evidence["runs"] == names[:3]


def test_few_groups_are_said_with_the_remedy() -> None:
    groups = np.repeat(np.arange(4), 10)
    (warned,) = warnings_of(seen_of("ab" * 100, list(range(0, 200, 5)), groups=groups))
    assert warned.kind == "few-groups"
    assert "only 4 groups" in warned.sentence
    assert "`folds: 5`" in warned.sentence


def test_groups_that_are_in_the_test_too_are_said() -> None:
    labelled = dataset_of("ab" * 10, groups="gghhiijjkkllmmnnoopp").labelled
    test = Manifest(labelled.root, (Clip("0", "t/0.mp3", group="g"), Clip("1", "t/1.mp3")))
    found = warnings_of(seen_of("", [0, 1, 18, 19], dataset=Dataset(labelled, test)))
    (warned,) = [each for each in found if each.kind == "groups-in-test"]
    assert warned.evidence == {"test_clips": 1, "groups": ["g"]}


def test_groups_that_the_test_alone_has_are_said() -> None:
    labelled = dataset_of("ab" * 10).labelled
    test = Manifest(labelled.root, (Clip("0", "t/0.mp3", group="g"), Clip("1", "t/1.mp3")))
    found = kinds(seen_of("", list(range(20)), dataset=Dataset(labelled, test)))
    assert "groups-only-in-test" in found


def test_labels_are_doubted_only_where_the_voters_are_sure() -> None:
    doubted = [CheckedLabel("3", 0, 1, 0.01, 0.98), CheckedLabel("4", 0, 1, 0.3, 0.5)]
    clips = list(range(0, 200, 5))
    (warned,) = warnings_of(seen_of("ab" * 100, clips, suspects=doubted))
    assert warned.evidence == {"labels": 1, "worst": ["3"]}
    assert warned.sentence.endswith("on top, and less certain ones below")
    (alone,) = warnings_of(seen_of("ab" * 100, clips, suspects=doubted[:1]))
    assert alone.sentence.endswith("labels_to_check.csv has them on top")
    assert kinds(seen_of("ab" * 100, clips, suspects=doubted[1:])) == []


def test_what_parting_groups_adds_is_told_where_the_test_may_have_it() -> None:
    alike = Simple(random=0.84, grouped=0.66, error=0.02, correlation=0.2, groups=30)
    clips = list(range(0, 200, 5))
    (warned,) = warnings_of(seen_of("ab" * 100, clips, clips=ClipsSeen(simple=alike)))
    assert warned.kind == "groups-are-alike"
    assert "right on 84 % of the labelled clips in random folds" in warned.sentence
    assert "may give about 18 points more" in warned.sentence
    suggested = ClipsSeen(simple=alike, suggested=True)
    (warned,) = warnings_of(seen_of("ab" * 100, clips, clips=suggested))
    assert "the score may be too high by about 18 points" in warned.sentence
    for none in (replace(alike, grouped=0.81), replace(alike, error=0.07)):
        assert kinds(seen_of("ab" * 100, clips, clips=ClipsSeen(simple=none))) == []


def test_a_test_that_differs_is_told_as_what_it_may_be() -> None:
    clips = list(range(0, 200, 5))
    shift = Shift(auc=0.9, usual=(0.4, 0.6), where="bands above 4.0 kHz are 12 dB weaker", groups=9)
    (warned,) = warnings_of(seen_of("ab" * 100, clips, clips=ClipsSeen(shift=shift)))
    assert warned.kind == "test-unlike-training"
    assert "bands above 4.0 kHz are 12 dB weaker in the test" in warned.sentence
    few = ClipsSeen(shift=replace(shift, groups=3))
    (warned,) = warnings_of(seen_of("ab" * 100, clips, clips=few))
    assert warned.kind == "test-cannot-be-compared"
    assert "more than training clips set aside do (AUC at most 0.60)" in warned.sentence
    assert "with only 3 groups this may be what these groups are like" in warned.sentence
    usual = ClipsSeen(shift=replace(shift, usual=(0.7, 0.95), groups=3))
    (warned,) = warnings_of(seen_of("ab" * 100, clips, clips=usual))
    assert "but so does one group from the others (AUC 0.70 to 0.95)" in warned.sentence
    assert "with only 3 groups this cannot be told from a real shift" in warned.sentence
    alike = ClipsSeen(shift=replace(shift, auc=0.61))
    assert kinds(seen_of("ab" * 100, clips, clips=alike)) == []
    otherwise = Difference("codec", 1.0, 0.0, "codec FLAC in 100 % of its clips")
    (warned,) = warnings_of(seen_of("ab" * 100, clips, clips=ClipsSeen(recorded=[otherwise])))
    assert warned.kind == "test-recorded-otherwise"
    assert "(codec FLAC in 100 % of its clips)" in warned.sentence
