"""A test through another microphone and a label that leaks are found; clean sets are none."""

import dataclasses

import numpy as np
import pytest

from jobs.vote.estimate.pooled_clips import FACTS, PooledClips
from jobs.vote.estimate.recorded import recorded_otherwise
from jobs.vote.estimate.shift import Shift, find_shift, pseudo_tests
from jobs.vote.estimate.shortcuts import find_shortcut
from jobs.vote.estimate.simple import classify_simply

BANDS = 24
HZ = np.geomspace(100, 10_000, BANDS)


def clips_of(
    rng: np.random.Generator, clips: int, speakers: int | None = None, first_group: int = 0
) -> PooledClips:
    """Return made clips: neighbouring bands alike, each speaker with a colour of their own."""
    groups = rng.integers(0, speakers, clips) if speakers else np.arange(clips)
    smooth = np.exp(-np.abs(np.subtract.outer(np.arange(2 * BANDS), np.arange(2 * BANDS))) / 3)
    mixing = np.linalg.cholesky(smooth)
    colour = 4 * rng.standard_normal((groups.max() + 1, 2 * BANDS)) @ mixing.T
    own = 4 * rng.standard_normal((clips, 2 * BANDS)) @ mixing.T
    levels = -40 + own + (colour[groups] if speakers else 0)
    facts = rng.standard_normal((clips, len(FACTS)))
    facts[:, FACTS.index("sample_rate")] = 44_100
    labels = rng.integers(0, 4, clips)
    ids = tuple(str(first_group + clip) for clip in range(clips))
    return PooledClips(levels, facts, groups + first_group, labels, ids, ["MPEG 1 Layer 3"], HZ)


def shift_of(labelled: PooledClips, test: PooledClips) -> Shift | None:
    return find_shift(labelled, test, pseudo_tests(labelled, test, seed=0), seed=0)


@pytest.mark.parametrize("speakers", [None, 40])
def test_a_test_through_another_microphone_is_found_with_its_bands(speakers: int | None) -> None:
    rng = np.random.default_rng(0)
    labelled, test = clips_of(rng, 600, speakers), clips_of(rng, 200, speakers, 1000)
    test.levels[:, :BANDS][:, HZ > 4000] -= 12
    shift = shift_of(labelled, test)
    assert shift is not None
    assert shift.is_alarming
    assert shift.auc > 0.85
    assert shift.where.startswith("bands above ")
    assert "12 dB weaker" in shift.where or "11 dB weaker" in shift.where
    assert float(shift.where.split()[2]) == pytest.approx(4.3, abs=0.6)


def test_clean_tests_are_no_alarm() -> None:
    alarms = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        speakers = 30 if seed % 2 else None
        labelled = clips_of(rng, 300, speakers)
        test = clips_of(rng, 120, 12 if speakers else None, 1000)
        shift = shift_of(labelled, test)
        assert shift is not None
        assert len(shift.usual) == 19
        alarms += shift.is_alarming
    assert alarms <= 1


def test_few_clips_are_not_judged() -> None:
    rng = np.random.default_rng(0)
    assert shift_of(clips_of(rng, 60), clips_of(rng, 60)) is None
    assert find_shortcut(clips_of(rng, 60), seed=0) is None


def test_a_label_that_leaks_through_loudness_is_found() -> None:
    rng = np.random.default_rng(0)
    labelled = clips_of(rng, 400)
    labelled.facts[:, FACTS.index("rms")] = labelled.labels + 0.2 * rng.standard_normal(400)
    shortcut = find_shortcut(labelled, seed=0)
    assert shortcut is not None
    assert shortcut.fact == "rms"
    assert shortcut.alone > 0.9
    assert shortcut.is_alarming(ensemble=0.95)
    # An ensemble that tells far more than the facts has learned something else.
    labelled.facts[:, FACTS.index("rms")] = labelled.labels + 2.0 * rng.standard_normal(400)
    shortcut = find_shortcut(labelled, seed=0)
    assert shortcut is not None
    assert not shortcut.is_alarming(ensemble=0.95)


def test_facts_that_tell_nothing_are_no_alarm_however_bad_the_ensemble() -> None:
    alarms = 0
    for seed in range(10):
        shortcut = find_shortcut(clips_of(np.random.default_rng(seed), 200), seed=0)
        assert shortcut is not None
        alarms += shortcut.is_alarming(ensemble=0.27)
    assert alarms == 0


def test_a_leak_within_groups_alone_is_none_on_others() -> None:
    # Each speaker has a loudness and one label: on speakers that nobody has heard it tells nothing.
    rng = np.random.default_rng(0)
    labelled = clips_of(rng, 400, 40)
    labelled.labels[:] = rng.integers(0, 4, 40)[labelled.groups]
    loudness = rng.standard_normal(40)[labelled.groups]
    labelled.facts[:, FACTS.index("rms")] = loudness
    shortcut = find_shortcut(labelled, seed=0)
    assert shortcut is not None
    assert shortcut.accuracy < 0.5


def test_with_few_groups_nobody_can_tell_a_shift_from_a_speaker() -> None:
    rng = np.random.default_rng(0)
    shift = shift_of(clips_of(rng, 300, 3), clips_of(rng, 100, 2, 1000))
    assert shift is not None
    assert shift.groups == 2
    assert shift.may_be_groups
    assert not shift.is_alarming


def test_a_clean_test_of_speakers_that_nobody_names_is_no_alarm() -> None:
    alarms = 0
    for seed in range(10):
        rng = np.random.default_rng(seed)
        labelled, test = clips_of(rng, 300, 30), clips_of(rng, 120, 12, 1000)
        unnamed = dataclasses.replace(test, groups=1000 + np.arange(120))
        shift = shift_of(labelled, unnamed)
        assert shift is not None
        alarms += shift.is_alarming
    assert alarms <= 1


def test_a_test_that_was_encoded_otherwise_is_told_in_words() -> None:
    rng = np.random.default_rng(0)
    labelled, test = clips_of(rng, 300, 30), clips_of(rng, 100, 10, 1000)
    aside = pseudo_tests(labelled, test, seed=0)
    assert recorded_otherwise(labelled, test, aside) == []
    test.facts[:80, FACTS.index("sample_rate")] = 16_000
    (difference,) = recorded_otherwise(labelled, test, aside)
    assert difference.words == (
        "sample rate 16,000 Hz in 80 % of its clips, and in 0 % of those of training"
    )
    assert (difference.distance, difference.usual) == (0.8, 0.0)


def test_a_fact_that_differs_from_speaker_to_speaker_anyway_is_none() -> None:
    rng = np.random.default_rng(0)
    labelled, test = clips_of(rng, 400, 8), clips_of(rng, 100, 2, 1000)
    for clips in (labelled, test):
        bit_rate = 32_000 * (1 + clips.groups % 4)
        clips.facts[:, FACTS.index("bit_rate")] = bit_rate
    assert recorded_otherwise(labelled, test, pseudo_tests(labelled, test, seed=0)) == []


def test_the_simple_classifier_knows_speakers_and_not_classes() -> None:
    # Each speaker has one class: on random folds a speaker is known again, on whole ones not.
    rng = np.random.default_rng(0)
    clips = clips_of(rng, 600, 60)
    clips.labels[:] = rng.integers(0, 4, 60)[clips.groups]
    simple = classify_simply(clips, clips.groups, seed=0)
    assert simple is not None
    assert simple.groups == 60
    assert simple.grouped < 0.4
    assert simple.gap > 0.25
    assert simple.gap > 5 * simple.error
    assert simple.correlation > 0.1
    assert classify_simply(clips, np.arange(600), seed=0) is None


def test_without_an_effect_of_groups_there_is_no_gap() -> None:
    rng = np.random.default_rng(0)
    clips = clips_of(rng, 600)
    clips.levels[:, :4] += 3 * clips.labels[:, None]
    simple = classify_simply(clips, rng.integers(0, 30, 600), seed=0)
    assert simple is not None
    assert abs(simple.gap) < 3 * simple.error
    assert simple.correlation < 0.05
