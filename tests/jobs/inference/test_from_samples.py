"""The graph that begins at samples hears what extraction hears."""

from pathlib import Path

import numpy as np
import pytest
import torch

from jobs.errors import InputError
from jobs.extract.config import FeatureConfig
from jobs.extract.features.analysis import compute
from jobs.inference.from_samples import LogMel
from jobs.inference.onnx_file import odd_clips, require_equal
from jobs.models.normalise import as_image, mean_and_deviation, normalised


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"seconds": 0.5, "n_fft": 512, "n_mels": 16},
        {"seconds": 1, "n_fft": 1023, "hop_length": 200, "sample_rate": 16_000, "n_mels": 40},
        {"seconds": 3, "sample_rate": 48_000, "n_mels": 128},
    ],
    ids=str,
)
def test_features_are_those_of_v1_for_odd_sounds_too(settings: dict[str, float]) -> None:
    config = FeatureConfig.checked(settings, "test")
    rng, count = np.random.default_rng(0), config.samples
    tone = 0.3 * np.sin(np.arange(count) * 0.05)
    samples = np.concatenate([
        odd_clips(count), np.stack([rng.normal(0, 0.2, count), tone, 1e-6 * tone])
    ]).astype(np.float32)  # fmt: skip
    expected = np.stack([compute(each, config) for each in samples])
    front = LogMel(config)
    with torch.no_grad():
        decibels = front.decibels(torch.from_numpy(samples)).numpy()
        seen = front(torch.from_numpy(samples)).numpy()
    assert decibels.shape == (len(samples), *config.shape)
    # Beside a tone, bands of -77 dB are the rounding of float32.
    np.testing.assert_allclose(decibels, expected, atol=5e-3)
    np.testing.assert_allclose(decibels[4:5], expected[4:5], atol=1e-3)
    numbers = (torch.from_numpy(n) for n in mean_and_deviation(expected))
    ours = normalised(torch.from_numpy(as_image(expected)), *numbers).numpy()
    np.testing.assert_allclose(seen, ours, atol=1e-3)


def test_what_differs_is_refused(tmp_path: Path) -> None:

    said = np.array([[0.5, 0.5]], np.float32)
    path = tmp_path / "net.onnx"
    assert require_equal(path, said, said + np.float32(5e-4)) == pytest.approx(5e-4, rel=0.01)
    with pytest.raises(InputError, match=r"net\.onnx says other probabilities.*0\.002"):
        require_equal(path, said, said + np.float32(2e-3))
    with pytest.raises(InputError, match="nan"):
        require_equal(path, said, said * np.nan)
