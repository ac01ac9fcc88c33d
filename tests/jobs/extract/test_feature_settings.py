"""What the settings of features decide, and what they do not; compiled loops are kept."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from jobs.errors import InputError
from jobs.extract.audio.decode import decode
from jobs.extract.config import FeatureConfig
from jobs.extract.features.analysis import ClipAnalysis, compute
from jobs.extract.features.blocks.framing import Framing
from jobs.extract.features.blocks.spectrum import Spectrum

ROOT = Path(__file__).parents[3]


STARTED = (
    "from jobs.extract.features.blocks.kernels import kernels\n"
    "print(sum(kernels().spectral_peaks.stats.cache_hits.values()))\n"
)


def test_compiled_kernels_are_cached_for_the_next_task(tmp_path: Path) -> None:
    command = [sys.executable, "-c", STARTED]
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}
    for hits in ("0\n", "1\n"):
        done = subprocess.run(
            command, capture_output=True, text=True, cwd=ROOT, env=environment, check=True
        )
        assert done.stdout == hits


def test_a_cache_that_cannot_be_written_stops_no_task() -> None:
    command = [sys.executable, "-c", STARTED]
    environment = os.environ | {"NUMBA_CACHE_DIR": "/proc/nowhere"}
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=ROOT, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout in {"0\n", "1\n"}  # numba may know another place


def test_a_set_has_the_same_values_whatever_is_computed_beside_it() -> None:
    y = np.random.default_rng(0).standard_normal(132_300).astype(np.float32)
    together = ClipAnalysis(y)
    for config in (FeatureConfig(features=name) for name in ("v3", "v1", "v2")):
        np.testing.assert_array_equal(compute(y, config), together.features(config))
        levels = ClipAnalysis(y).band_levels(config)
        np.testing.assert_array_equal(levels, together.band_levels(config))


def test_only_the_first_seconds_count(tmp_path: Path, write_mp3: Callable[..., Path]) -> None:
    path = write_mp3(tmp_path / "a.mp3", seconds=600, rate=8_000)
    samples, facts = decode(path, FeatureConfig())
    assert samples.shape == (132_300,)
    assert np.abs(samples[-1000:]).max() > 0.1
    assert facts.duration_s == pytest.approx(600, abs=1)


def test_settings_change_the_shape(tmp_path: Path, write_mp3: Callable[..., Path]) -> None:
    config = FeatureConfig(sample_rate=16_000, seconds=2, n_fft=1024, hop_length=256, n_mels=40)
    path = write_mp3(tmp_path / "a.mp3", seconds=2.0)
    assert config.shape == (40, 126)
    assert compute(decode(path, config)[0], config).shape == (40, 126)


def test_v2_with_other_settings_is_refused() -> None:
    with pytest.raises(InputError, match=r"`features: v2` is defined by librosa's defaults"):
        FeatureConfig.checked({"features": "v2", "n_mels": 32}, "grid.yaml")


def test_every_setting_changes_the_fingerprint() -> None:
    changed = {
        "features": "v2", "sample_rate": 16_000, "seconds": 5.0, "n_fft": 1024,
        "hop_length": 256, "n_mels": 32,
    }  # fmt: skip
    of_a_net = {"embedding_model", "embedding_output"}  # tests/pipeline/test_embedding.py
    assert set(changed) | of_a_net == set(FeatureConfig.model_fields)
    prints = {FeatureConfig.checked({k: v}, "").fingerprint() for k, v in changed.items()}
    assert len(prints | {FeatureConfig().fingerprint()}) == len(changed) + 1


def test_the_spectrum_of_an_odd_frame_knows_its_frequencies() -> None:
    y = np.zeros(5000, dtype=np.float32)
    spectrum = Spectrum.of(Framing.of(y, 511, 100), 22_050)
    assert spectrum.power.shape == (256, 1 + (5000 + 510 - 511) // 100)
    assert spectrum.hz[1] == pytest.approx(22_050 / 511)


def test_a_short_frame_has_band_levels_of_as_many_bands_as_it_has_bins() -> None:
    config = FeatureConfig(seconds=0.1, n_fft=32, hop_length=16, n_mels=4)
    samples = np.ones(config.samples, np.float32)
    assert ClipAnalysis(samples).band_levels(config).shape == (2, 17)


def test_an_unknown_feature_set_is_refused_with_the_ones_there_are() -> None:
    with pytest.raises(
        InputError, match=r"`features`: input should be 'v1', .*'v1pooled'.*; got 'v9'"
    ):
        FeatureConfig.checked({"features": "v9"}, "grid.yaml")
