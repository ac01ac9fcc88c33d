"""Each clip with mean 0 and deviation 1."""

import numpy as np

from jobs.train.clips.normalise import normalise, to_tensor


def test_each_clip_has_mean_0_and_deviation_1() -> None:
    clips = np.random.default_rng(0).normal(-40, 20, (3, 16, 22)).astype(np.float32)
    clips[1] += 1000
    done = normalise(clips)
    np.testing.assert_allclose(done.mean(axis=(1, 2)), 0, atol=1e-4)
    np.testing.assert_allclose(done.std(axis=(1, 2)), 1, atol=1e-4)


def test_a_constant_clip_becomes_zeros() -> None:
    assert not normalise(np.full((1, 4, 4), -80, dtype=np.float32)).any()


def test_v3_gets_a_single_frame() -> None:
    assert to_tensor(np.ones((5, 194), dtype=np.float32)).shape == (5, 1, 194, 1)
