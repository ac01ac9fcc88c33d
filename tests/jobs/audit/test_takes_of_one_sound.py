"""Takes of one word, call or click sound alike and are no copies; copies among them are found."""

import numpy as np
import pytest
from scipy.signal import lfilter

from tests.jobs.audit.sounds import RATE, Features, Samples, encoded, found_in, later, matched


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
