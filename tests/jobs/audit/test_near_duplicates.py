"""The same recording is found however it was encoded; different recordings never are."""

from collections.abc import Callable
from functools import cache
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
import soundfile

from jobs.audit.near.candidates import KEPT_OF_A_CLIP, Candidates, candidates
from jobs.audit.near.fingerprint import NOTHING, fingerprint
from jobs.audit.near.samples import NO_MATCH, SAME
from jobs.audit.near.similarity import (
    SIMILAR,
    Outline,
    all_shifts,
    verify,
)
from tests.jobs.audit.sounds import (
    RATE,
    TIME,
    Features,
    Samples,
    bark,
    call_in_noise,
    click,
    earlier,
    encoded,
    found_in,
    later,
    log_mel,
    matched,
    rain,
    ticking,
    waves,
)


def tone(frequency: float) -> Samples:
    return (0.5 * np.sin(2 * np.pi * frequency * TIME)).astype(np.float32)


KINDS = (rain, waves, bark, click, ticking, call_in_noise)


@cache
def originals() -> tuple[Samples, ...]:
    """Four recordings of each kind."""
    return tuple(
        encoded(kind(np.random.default_rng([8, k, index])), 96)
        for k, kind in enumerate(KINDS)
        for index in range(4)
    )


@cache
def original_features() -> Features:
    return np.stack([log_mel(samples) for samples in originals()])


def compare(one: Features, other: Features) -> tuple[float, int]:
    return verify(Outline.of(one), Outline.of(other), all_shifts(one.shape[1]))


CHANGES: dict[str, Callable[[Samples], Samples]] = {
    "64 kbit/s": lambda y: encoded(y, 64),
    "32 kbit/s": lambda y: encoded(y, 32),
    "variable bitrate": lambda y: encoded(y, 32, mode="VARIABLE"),
    "50 ms later": lambda y: encoded(later(y, 0.05), 96),
    "50 ms earlier at 32 kbit/s": lambda y: encoded(earlier(y, 0.05), 32),
    "0.25 s later": lambda y: encoded(later(y, 0.25), 64),
    "0.25 s earlier": lambda y: encoded(earlier(y, 0.25), 64),
    "6 dB louder": lambda y: encoded(y * 2, 96),
    "6 dB softer": lambda y: encoded(0.5 * y, 96),
    "0.3 s shorter": lambda y: encoded(y[: -int(0.3 * RATE)], 64),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_copy_is_found_and_nothing_else(change: str) -> None:
    count = len(originals())
    # Every other recording, so that the copies of a kind have strangers of their kind beside them.
    copied = range(0, count, 2)
    samples = [CHANGES[change](originals()[index]) for index in copied]
    found = found_in(np.concatenate([original_features(), np.stack(list(map(log_mel, samples)))]))
    expected = [(index, count + copy) for copy, index in enumerate(copied)]
    assert sorted((pair.one, pair.other) for pair in found) == expected
    for index, copy in zip(copied, samples, strict=True):
        assert matched(originals()[index], copy).is_same
        assert matched(originals()[index + 1], copy).correlation < SAME - 0.2


@pytest.mark.parametrize("seconds", [-0.25, -0.01, 0.0, 0.1, 0.25])
def test_the_correlation_says_by_how_many_seconds_the_second_clip_lags(seconds: float) -> None:
    samples = originals()[0]
    moved = later(samples, seconds) if seconds > 0 else earlier(samples, -seconds)
    found = matched(samples, -0.5 * moved)
    assert found.correlation > 0.99
    assert found.shift_s == pytest.approx(seconds, abs=1e-4)


def test_silence_and_a_single_click_say_nothing() -> None:
    silent, impulse = np.zeros(RATE, np.float32), np.eye(1, RATE, 900, dtype=np.float32)[0]
    for one, other in ((silent, silent), (impulse, impulse), (impulse, originals()[0])):
        assert matched(one, other) == NO_MATCH
    assert not NO_MATCH.is_same


def test_recordings_of_one_kind_are_far_from_similar() -> None:
    for kind in range(len(KINDS)):
        clips = original_features()[4 * kind : 4 * kind + 4]
        for one, other in combinations(clips, 2):
            assert compare(one, other)[0] < SIMILAR - 0.1, KINDS[kind].__name__


@pytest.mark.parametrize("lag", [-11, -3, 0, 3, 11])
def test_the_shift_says_by_how_many_frames_the_second_clip_lags(lag: int) -> None:
    seconds = abs(lag) * 512 / RATE
    samples = originals()[0]
    moved = later(samples, seconds) if lag > 0 else earlier(samples, seconds)
    similarity, shift = compare(log_mel(samples), log_mel(moved))
    assert shift == lag
    assert similarity > 0.95


def test_clips_without_fluctuations_are_left_out() -> None:
    silent = np.zeros((64, 259), np.float32)
    steady = np.full((64, 259), -80, np.float32)
    steady[20:24] = [[-30.0], [0.0], [-5.0], [-40.0]]
    features = np.stack([silent, silent, steady, steady])
    assert (fingerprint(features) == NOTHING).all()
    assert found_in(features) == []
    assert compare(silent, silent)[0] == 0


def test_tones_a_semitone_apart_are_no_pair() -> None:
    tones = [encoded(tone(f * 2 ** (k / 12)), 64) for f in (110, 440, 1760) for k in range(4)]
    features = np.stack([log_mel(samples) for samples in tones])
    assert found_in(features) == []
    assert max(compare(a, b)[0] for a, b in combinations(features, 2)) < SIMILAR - 0.1


def test_fingerprints_do_not_depend_on_the_block() -> None:
    features = original_features()[::5]
    alone = np.concatenate([fingerprint(clip[None]) for clip in features])
    assert (alone == fingerprint(features)).mean() > 0.999  # sums in another order may round


@pytest.mark.parametrize(("bands", "frames"), [(8, 8), (16, 22), (40, 130), (128, 500)])
def test_features_of_any_shape_find_the_identical_clip(bands: int, frames: int) -> None:
    noise = np.random.default_rng(0).normal(-30, 8, (20, bands, frames)).astype(np.float32)
    features = np.concatenate([noise, noise[7:8]])
    found = found_in(features)
    assert [(pair.one, pair.other, pair.shift) for pair in found] == [(7, 20, 0)]


def test_clips_that_all_look_alike_make_few_candidates_and_hide_no_duplicate() -> None:
    clips, delays, symbols = 2_500, 1, 64
    rng = np.random.default_rng(0)
    prints = np.zeros((clips, delays, symbols), np.uint8)
    differ = rng.random(prints.shape) < 0.3
    prints[differ] = rng.integers(1, 64, int(differ.sum()))
    prints[900] = prints[100]
    changed = rng.random((delays, symbols)) < 0.05
    prints[900][changed] = 63
    pairs = {(int(one), int(other)) for one, other in candidates(prints).pairs}
    assert (100, 900) in pairs
    assert len(pairs) <= KEPT_OF_A_CLIP * clips


@pytest.mark.parametrize("clips", [0, 1])
def test_no_clips_make_no_candidates(clips: int) -> None:
    found = candidates(np.zeros((clips, 13, 64), np.uint8))
    assert isinstance(found, Candidates)
    assert found.pairs.shape == (0, 2)


@pytest.mark.clips
def test_copies_of_real_recordings_are_found_and_nothing_else(real_clips: Path) -> None:
    paths = sorted((real_clips / "train_mp3s").glob("*.mp3"))[:60]
    assert len(paths) == 60
    read = [soundfile.read(path, dtype="float32", always_2d=True) for path in paths]
    features = [log_mel(samples.mean(axis=1), rate) for samples, rate in read]
    expected = []
    for index in range(0, 60, 5):
        samples, rate = read[index][0].mean(axis=1), read[index][1]
        low = encoded(samples, 32, rate)
        moved = encoded(earlier(samples, 0.05, rate), 64, rate)
        expected += [(index, len(features)), (index, len(features) + 1)]
        expected += [(len(features), len(features) + 1)]
        features += [log_mel(low, rate), log_mel(moved, rate)]
    found = found_in(np.stack(features))
    assert sorted((pair.one, pair.other) for pair in found) == sorted(expected)
