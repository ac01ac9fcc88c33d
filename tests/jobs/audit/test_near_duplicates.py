"""The same recording is found however it was encoded; different recordings never are."""

import io
from collections.abc import Callable
from functools import cache
from itertools import combinations
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile
from scipy.signal import lfilter

from jobs.audit.near.candidates import KEPT_OF_A_CLIP, Candidates, candidates
from jobs.audit.near.fingerprint import NOTHING, fingerprint
from jobs.audit.near.samples import NO_MATCH, SAME, Heard, Match, match
from jobs.audit.near.similarity import (
    SIMILAR,
    Outline,
    SimilarPair,
    all_shifts,
    verified,
    verify,
)
from jobs.data.synthetic import MadeClips, made_clip

Samples = npt.NDArray[np.float32]
Features = npt.NDArray[np.float32]

RATE, SECONDS = 22_050, 6.0
TIME = np.arange(int(5 * RATE)) / RATE


def log_mel(samples: Samples, rate: int = RATE) -> Features:
    """Feature set v1: float32 [64 bands, 259 frames] in dB below the loudest."""
    import librosa

    mono = librosa.resample(samples, orig_sr=rate, target_sr=RATE) if rate != RATE else samples
    fixed = librosa.util.fix_length(mono, size=int(SECONDS * RATE))
    power = librosa.feature.melspectrogram(y=fixed, sr=RATE, n_mels=64)
    return np.asarray(librosa.power_to_db(power, ref=np.max), dtype=np.float32)


def encoded(samples: Samples, kilobits: int, rate: int = RATE, mode: str = "CONSTANT") -> Samples:
    """What is left of the samples after MP3; bitrates go down from the format's highest."""
    highest, lowest = (160, 8) if rate <= 24_000 else (320, 32)
    level = min((highest - kilobits) / (highest - lowest), 0.9999)
    file = io.BytesIO()
    soundfile.write(
        file, np.clip(samples, -1, 1), rate, "MPEG_LAYER_III", format="MP3",
        compression_level=level, bitrate_mode=mode,
    )  # fmt: skip
    file.seek(0)
    return np.asarray(soundfile.read(file, dtype="float32")[0])


def later(samples: Samples, seconds: float, rate: int = RATE) -> Samples:
    return np.concatenate([np.zeros(int(seconds * rate), np.float32), samples])


def earlier(samples: Samples, seconds: float, rate: int = RATE) -> Samples:
    return samples[int(seconds * rate) :]


def rain(rng: np.random.Generator) -> Samples:
    return (0.1 * rng.standard_normal(len(TIME))).astype(np.float32)


def waves(rng: np.random.Generator) -> Samples:
    swell = 0.6 + 0.4 * np.sin(2 * np.pi * 0.2 * TIME)
    return np.asarray(swell * np.cumsum(rain(rng)) / 200 + 0.2 * swell * rain(rng), np.float32)


def bark(rng: np.random.Generator) -> Samples:
    """Digital silence but for 0.3 s of a hoarse call."""
    samples = np.zeros_like(TIME)
    start, length = int(rng.uniform(0.5, 4) * RATE), int(0.3 * RATE)
    time = TIME[:length]
    glide = np.interp(time, np.linspace(0, 0.3, 5), rng.uniform(300, 900, 5))
    pitch = np.cumsum(glide)
    call = sum(np.sin(2 * np.pi * k * pitch / RATE) / k for k in range(1, 9))
    hoarse = call * (1 + 0.5 * rng.standard_normal(length))
    samples[start : start + length] = 0.2 * np.sin(np.pi * time / 0.3) * hoarse
    return samples.astype(np.float32)


def click(rng: np.random.Generator) -> Samples:
    """Faint noise and a burst of 20 ms."""
    samples = 1e-3 * rng.standard_normal(len(TIME))
    start = int(rng.uniform(0.5, 4) * RATE)
    samples[start : start + 441] += 0.3 * rng.standard_normal(441)
    return samples.astype(np.float32)


def ticking(rng: np.random.Generator) -> Samples:
    """About one tick a second, each a little different, in a quiet room."""
    samples = 5e-3 * rng.standard_normal(len(TIME))
    for second in range(5):
        start = int((second + rng.uniform(0.2, 0.3)) * RATE)
        ring = np.sin(2 * np.pi * rng.uniform(1_900, 2_100) * TIME[:2_000])
        samples[start : start + 2_000] += 0.5 * np.exp(-TIME[:2_000] * 200) * ring
    return samples.astype(np.float32)


def call_in_noise(rng: np.random.Generator) -> Samples:
    return made_clip(int(rng.integers(4)), MadeClips(), rng).astype(np.float32)


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


def found_in(features: Features) -> list[SimilarPair]:
    return verified(candidates(fingerprint(features)), features)


def compare(one: Features, other: Features) -> tuple[float, int]:
    return verify(Outline.of(one), Outline.of(other), all_shifts(one.shape[1]))


def matched(one: Samples, other: Samples) -> Match:
    return match(Heard.of(one, RATE), Heard.of(other, RATE))


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


def word(rng: np.random.Generator) -> Samples:
    """A take of one made word: a buzz through three formants, which differ by 2 % each time."""
    length = int(0.5 * RATE * (1 + 0.02 * rng.standard_normal()))
    time = np.arange(length) / length
    pitch = 120 * (1 + 0.02 * rng.standard_normal()) * (1 + 0.15 * np.sin(4 * time + rng.random()))
    buzz = np.diff(np.floor(np.cumsum(pitch) / RATE), prepend=0) > 0
    samples = buzz + 0.02 * rng.standard_normal(length)
    for hz, width in ((500, 80), (1500, 100), (2500, 150)):
        radius = np.exp(-np.pi * width / RATE)
        angle = 2 * np.pi * hz * (1 + 0.02 * rng.standard_normal()) / RATE
        samples = lfilter([1], [1, -2 * radius * np.cos(angle), radius**2], samples)
    samples *= np.minimum(1, 10 * np.minimum(time, 1 - time)) / np.abs(samples).max()
    return (0.5 * samples + 1e-4 * rng.standard_normal(length)).astype(np.float32)


def bird_call(rng: np.random.Generator) -> Samples:
    """Three rising chirps."""
    parts = []
    for _ in range(3):
        time = np.arange(int(0.12 * RATE * (1 + 0.02 * rng.standard_normal()))) / RATE
        start, rise = (3000, 12_000) * (1 + 0.02 * rng.standard_normal(2))
        chirp = np.sin(2 * np.pi * np.cumsum(start + rise * time) / RATE)
        parts += [
            chirp * np.sin(np.pi * time / time[-1]),
            np.zeros(int(rng.normal(0.06, 1e-3) * RATE)),
        ]
    samples = np.concatenate(parts)
    return (0.4 * samples + 1e-3 * rng.standard_normal(len(samples))).astype(np.float32)


def mouse_click(rng: np.random.Generator) -> Samples:
    """Three resonances that die away."""
    time = np.arange(int(0.25 * RATE)) / RATE
    samples = 1e-3 * rng.standard_normal(len(time))
    for hz, decay in ((900, 80), (2300, 150), (3700, 250)):
        hz, decay = (hz, decay) * (1 + 0.02 * rng.standard_normal(2))
        samples += 0.3 * np.exp(-decay * time) * np.sin(2 * np.pi * hz * time + 6 * rng.random())
    return samples.astype(np.float32)


SHORT = {"words": word, "bird calls": bird_call, "clicks": mouse_click}


def short_log_mel(samples: Samples) -> Features:
    import librosa

    fixed = librosa.util.fix_length(samples, size=int(0.75 * RATE))
    power = librosa.feature.melspectrogram(y=fixed, sr=RATE, n_mels=64)
    return np.asarray(librosa.power_to_db(power, ref=np.max), dtype=np.float32)


@pytest.mark.parametrize("kind", SHORT)
def test_takes_of_one_sound_are_no_copies_and_copies_among_them_are_found(kind: str) -> None:
    rng = np.random.default_rng(3)
    takes = [SHORT[kind](rng) for _ in range(60)]
    copied = {
        3: encoded(takes[3], 128), 11: encoded(takes[11], 64),
        20: encoded(np.float32(0.5) * takes[20], 32), 28: encoded(later(takes[28], 0.2), 64),
        40: encoded(np.float32(1.9) * takes[40], 32),
    }  # fmt: skip
    samples = [*takes, *copied.values()]
    found = found_in(np.stack([short_log_mel(each) for each in samples]))
    both = ((pair.one, pair.other) for pair in found)
    confirmed = [(a, b) for a, b in both if matched(samples[a], samples[b]).is_same]
    assert sorted(confirmed) == [(index, 60 + n) for n, index in enumerate(copied)]
    if kind != "bird calls":  # spectrograms alone would take the others for copies of each other
        assert len(found) > 5 * len(confirmed)


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
