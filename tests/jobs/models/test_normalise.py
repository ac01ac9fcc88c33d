"""Each clip with mean 0 and deviation 1."""

import numpy as np
import torch

from jobs.models.normalise import as_image, mean_and_deviation, normalised, normalised_anew


def seen(clips: np.ndarray) -> np.ndarray:
    """Return clips as a network sees them."""
    numbers = (torch.from_numpy(n) for n in mean_and_deviation(clips))
    return normalised(torch.from_numpy(as_image(clips)), *numbers).numpy()


def as_it_was(clips: np.ndarray) -> np.ndarray:
    """Normalise clip by clip in numpy, in place: what batches must equal to the last bit."""
    for clip in clips:
        clip -= clip.mean(dtype=np.float64).astype(np.float32)
        deviation = np.sqrt(np.square(clip, dtype=np.float64).mean())
        clip /= np.float32(deviation if deviation > 0 else 1e-8)
    return clips


def decibels(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(-40, 20, shape).astype(np.float32)


def test_each_clip_has_mean_0_and_deviation_1() -> None:
    clips = decibels(3, 16, 22)
    clips[1] += 1000
    done = seen(clips)
    np.testing.assert_allclose(done.mean(axis=(1, 2, 3)), 0, atol=1e-4)
    np.testing.assert_allclose(done.std(axis=(1, 2, 3)), 1, atol=1e-4)


def test_a_batch_on_any_device_has_the_bits_of_numpy_clip_by_clip() -> None:
    clips = decibels(50, 64, 259)
    clips[7] = -80
    np.testing.assert_array_equal(seen(clips)[:, 0], as_it_was(clips.copy()))


def test_what_was_changed_on_its_raw_scale_is_normalised_alike() -> None:
    clips = decibels(5, 16, 22)
    clips[2] = 0
    anew = normalised_anew(torch.from_numpy(as_image(clips))).numpy()
    np.testing.assert_allclose(anew, seen(clips), atol=1e-6)


def test_a_constant_clip_becomes_zeros() -> None:
    assert not seen(np.full((1, 4, 4), -80, dtype=np.float32)).any()


def test_v3_gets_a_single_frame() -> None:
    assert as_image(np.ones((5, 194), dtype=np.float32)).shape == (5, 1, 194, 1)
