"""Made sounds, what MP3 leaves of them, and which of them are taken for one recording."""

import io

import numpy as np
import numpy.typing as npt
import soundfile

from jobs.audit.near.candidates import candidates
from jobs.audit.near.fingerprint import fingerprint
from jobs.audit.near.samples import Heard, Match, match
from jobs.audit.near.similarity import (
    SimilarPair,
    verified,
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


def found_in(features: Features) -> list[SimilarPair]:
    return verified(candidates(fingerprint(features)), features)


def matched(one: Samples, other: Samples) -> Match:
    return match(Heard.of(one, RATE), Heard.of(other, RATE))
