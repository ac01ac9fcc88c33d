"""What the level of a recording tells: loudness as a whole, silence, and when sound begins."""

import numpy as np
import pytest

from jobs.extract.audio.recording import loudness

RATE = 16_000


def tone(seconds: float, amplitude: float = 0.5) -> np.ndarray:
    time = np.arange(int(seconds * RATE)) / RATE
    return (amplitude * np.sin(2 * np.pi * 440 * time)).astype(np.float32)


def test_silence_before_and_after_a_sound_is_told_apart() -> None:
    quiet = np.zeros(RATE, np.float32)
    found = loudness(np.concatenate([quiet[: RATE // 2], tone(1.0), quiet[: RATE // 2]]), RATE)
    assert found.leading_silence_s == 0.5
    assert found.silence == 0.5
    assert found.rms == pytest.approx(0.5 / 2, rel=1e-4)  # a tone has 0.5 / sqrt(2)


def test_a_sound_from_the_start_has_no_leading_silence() -> None:
    assert loudness(tone(1.0), RATE).leading_silence_s == 0


@pytest.mark.parametrize("seconds", [1.0, 1.03, 0.0001])
def test_what_is_silent_throughout_leads_with_all_of_it(seconds: float) -> None:
    samples = np.full(max(1, int(seconds * RATE)), 1e-5, np.float32)
    found = loudness(samples, RATE)
    assert found.silence == 1
    assert found.leading_silence_s == pytest.approx(len(samples) / RATE)
    assert found.rms == pytest.approx(1e-5, rel=1e-5)


@pytest.mark.parametrize("level", [1e-25, 1e25])
def test_squares_that_are_no_float32_give_a_level_all_the_same(level: float) -> None:
    assert loudness(np.full(999, level, np.float32), RATE).rms == pytest.approx(level, rel=1e-5)


def test_the_last_samples_that_fill_no_block_count() -> None:
    samples = np.full(RATE + 100, 0.01, np.float32)
    samples[-100:] = 1
    wanted = np.sqrt((RATE * 0.01**2 + 100) / len(samples))
    assert loudness(samples, RATE).rms == pytest.approx(wanted, rel=1e-6)
