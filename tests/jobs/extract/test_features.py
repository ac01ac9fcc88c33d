"""v1, v2 and v3 equal the librosa calls that define them, block by block."""

from collections.abc import Callable
from pathlib import Path

import librosa
import numpy as np
import numpy.typing as npt
import pytest

from jobs.extract.audio.decode import decode
from jobs.extract.config import FeatureConfig
from jobs.extract.features.analysis import ClipAnalysis, compute
from jobs.extract.features.blocks.chroma import chroma_filters
from jobs.extract.features.blocks.constant_q import LOWEST_HZ, OctaveFilters
from jobs.extract.features.blocks.framing import Framing
from jobs.extract.features.blocks.spectrum import Spectrum
from jobs.extract.features.blocks.tuning import estimate_tuning
from jobs.extract.features.v2 import BLOCKS

Floats = npt.NDArray[np.float32]


V1, V2, V3 = (FeatureConfig(features=name) for name in ("v1", "v2", "v3"))


TOLERANCE_DB = 1e-3


OF_THE_BLOCKS_MAXIMUM = 5e-5


def samples_of(path: Path) -> Floats:
    y, _ = librosa.load(path, sr=22050, duration=6)
    return np.asarray(librosa.util.fix_length(y, size=132300))


def v1_by_librosa(y: Floats) -> Floats:
    """The definition of v1, word for word."""
    mel = librosa.feature.melspectrogram(y=y, sr=22050, n_mels=64)
    return np.asarray(librosa.power_to_db(mel, ref=np.max))


def v2_by_librosa(y: Floats) -> Floats:
    """The definition of v2, word for word."""
    by = librosa.feature
    blocks = (
        by.mfcc(y=y, n_mfcc=40),
        by.melspectrogram(y=y),
        by.chroma_stft(y=y),
        by.spectral_centroid(y=y),
        by.spectral_contrast(y=y),
        by.tonnetz(y=y),
    )
    return np.vstack(blocks)


def blocks_of(v2: Floats) -> dict[str, Floats]:
    return dict(zip(BLOCKS, np.split(v2, np.cumsum(list(BLOCKS.values()))[:-1]), strict=True))


def worst_block(ours: Floats, theirs: Floats) -> float:
    """The largest difference, as a share of its block's maximum."""
    shares = [
        np.abs(mine - blocks_of(theirs)[name]).max() / (np.abs(blocks_of(theirs)[name]).max() or 1)
        for name, mine in blocks_of(ours).items()
    ]
    return float(max(shares))


@pytest.mark.parametrize(
    "kind",
    [
        {"seconds": 6.0},
        {"seconds": 0.2},
        {"seconds": 9.0},
        {"seconds": 3.0, "rate": 48_000, "channels": 2},
        {"seconds": 6.5, "rate": 44_100},
        {"seconds": 2.0, "rate": 8_000},
    ],
    ids=str,
)
def test_made_clips_equal_librosa(
    tmp_path: Path, write_mp3: Callable[..., Path], kind: dict[str, float]
) -> None:
    path = write_mp3(tmp_path / "a.mp3", **kind)
    y, _ = decode(path, V1)
    np.testing.assert_array_equal(y, samples_of(path))
    clip = ClipAnalysis(y)
    v1, v2, v3 = (clip.features(config) for config in (V1, V2, V3))
    assert (v1.shape, v2.shape, v3.shape) == ((64, 259), (194, 259), (194,))
    assert {v1.dtype, v2.dtype, v3.dtype} == {np.dtype(np.float32)}
    assert np.abs(v1 - v1_by_librosa(y)).max() <= TOLERANCE_DB
    assert worst_block(v2, v2_by_librosa(y)) <= OF_THE_BLOCKS_MAXIMUM
    np.testing.assert_array_equal(v3, v2.mean(axis=1))
    pooled = clip.features(FeatureConfig(features="v1pooled"))
    assert pooled.shape == (128,)
    assert pooled.dtype == np.float32
    exact = v1.astype(np.float64)
    np.testing.assert_array_equal(pooled[:64], exact.mean(axis=1).astype(np.float32))
    np.testing.assert_array_equal(pooled[64:], exact.std(axis=1).astype(np.float32))


@pytest.mark.clips
def test_real_clips_equal_librosa(real_clips: Path) -> None:
    paths = sorted(real_clips.rglob("*.mp3"))
    assert paths
    for path in paths[::8]:
        y = samples_of(path)
        np.testing.assert_array_equal(decode(path, V1)[0], y)
        assert np.abs(compute(y, V1) - v1_by_librosa(y)).max() <= TOLERANCE_DB, path
        assert worst_block(compute(y, V2), v2_by_librosa(y)) <= OF_THE_BLOCKS_MAXIMUM, path


@pytest.mark.clips
def test_the_tunings_of_real_clips_are_librosas(real_clips: Path) -> None:
    for path in sorted(real_clips.rglob("*.mp3"))[::8]:
        y = samples_of(path)
        magnitude = Spectrum.of(Framing.of(y, 2048, 512), 22_050).magnitude
        for bins, power in ((36, 1), (12, 2)):
            wanted = librosa.estimate_tuning(
                S=np.abs(librosa.stft(y)) ** power, sr=22050, bins_per_octave=bins
            )
            assert estimate_tuning(magnitude**power, 22050, 2048, bins) == wanted, path


def edge_signals() -> dict[str, Floats]:
    rng, time = np.random.default_rng(0), np.arange(132_300) / 22_050
    noise = rng.standard_normal(132_300)
    signals = {
        "silence": 0 * time,
        "clicks": 0.9 * (np.arange(132_300) % 11_025 == 0),
        "clipping at full scale": np.clip(3 * np.sin(2 * np.pi * 300 * time), -1, 1),
        "DC": 0 * time + 0.5,
        "DC under noise": 0.5 + 1e-3 * noise,
        "0.2 s": np.where(time < 0.2, 0.3 * noise, 0),
        "a pure tone": 0.5 * np.sin(2 * np.pi * 440 * time),
        "a high tone over a whisper": 0.3 * np.sin(2 * np.pi * 9000 * time) + 1e-4 * noise,
        "infrasound over a whisper": 0.9 * np.sin(2 * np.pi * 8 * time) + 1e-4 * noise,
        "a whisper": 1e-6 * noise,
    }
    return {name: np.clip(y, -1, 1).astype(np.float32) for name, y in signals.items()}


@pytest.mark.parametrize("name", edge_signals())
def test_v1_of_edge_signals_equals_librosa(name: str) -> None:
    """A float32 transform alone would be off by 6e-3 dB in a whisper below a tone."""
    y = edge_signals()[name]
    np.testing.assert_allclose(compute(y, V1), v1_by_librosa(y), atol=TOLERANCE_DB, rtol=0)


@pytest.mark.parametrize("name", edge_signals())
def test_edge_signals_equal_librosa_where_librosa_is_stable(name: str) -> None:
    """Moved by one ulp, such samples move librosa's own values by whole decibels."""
    y, rng = edge_signals()[name], np.random.default_rng(1)
    ours, theirs = compute(y, V2), v2_by_librosa(y)
    limit = np.concatenate([np.full(len(b), np.abs(b).max()) for b in blocks_of(theirs).values()])
    limit = (OF_THE_BLOCKS_MAXIMUM * limit)[:, np.newaxis] + np.finfo(np.float32).tiny
    stable = np.ones(theirs.shape, dtype=bool)
    for _ in range(2):
        towards = np.where(rng.random(len(y)) < 0.5, np.inf, -np.inf).astype(np.float32)
        moved = v2_by_librosa(np.nextafter(y, towards))
        stable &= np.abs(moved - theirs) <= limit
    unequal = np.abs(ours - theirs) > limit
    print(f"{name}: librosa stable in {stable.mean():.1%}; elsewhere {unequal.sum()} values differ")
    assert not (unequal & stable).any()
    assert np.abs(compute(y, V1) - v1_by_librosa(y)).max() <= TOLERANCE_DB
    assert np.isfinite(ours).all()


@pytest.mark.parametrize("tuning", [-0.5, -0.13, 0.0, 0.49])
def test_chroma_filters_are_librosas(tuning: float) -> None:
    theirs = librosa.filters.chroma(sr=22050, n_fft=2048, tuning=tuning)
    np.testing.assert_allclose(chroma_filters(22050, 2048, tuning), theirs, atol=1e-7)


@pytest.mark.parametrize("tuning", [-0.5, -0.13, 0.0, 0.49])
def test_constant_q_filters_are_librosas(tuning: float) -> None:
    ours = OctaveFilters.at(22_050, tuning)
    hz = LOWEST_HZ * 2.0 ** (6 + (tuning + np.arange(36)) / 36)
    width = (2 ** (2 / 36) - 1) / (2 ** (2 / 36) + 1)
    wavelets, lengths = librosa.filters.wavelet(freqs=hz, sr=22_050, alpha=width)
    wavelets *= lengths[:, np.newaxis] / ours.n_fft
    spectra = np.fft.fft(wavelets, axis=1).astype(np.complex64)[:, : 1 + ours.n_fft // 2]
    theirs = librosa.util.sparsify_rows(spectra, quantile=0.01).toarray()
    assert not np.delete(theirs, np.arange(ours.n_fft // 2 + 1)[ours.bins], axis=1).any()
    scaled = theirs[:, ours.bins] / np.sqrt(lengths)[:, np.newaxis]
    np.testing.assert_allclose(ours.weights, scaled.T, rtol=1e-6)


def test_magnitudes_are_librosas_bit_for_bit() -> None:
    y = np.random.default_rng(0).standard_normal(50_000).astype(np.float32)
    spectrum = Spectrum.of(Framing.of(y, 2048, 512), 22_050)
    np.testing.assert_array_equal(spectrum.magnitude.T, np.abs(librosa.stft(y)))
    np.testing.assert_allclose(spectrum.power, np.abs(librosa.stft(y)) ** 2, rtol=1e-6)


@pytest.mark.parametrize("seconds", [0.1, 0.5, 7.3])
def test_v2_of_other_lengths_equals_librosa(seconds: float) -> None:
    config = FeatureConfig(features="v2", seconds=seconds)
    rng = np.random.default_rng(0)
    y = rng.standard_normal(config.samples).astype(np.float32)
    ours = compute(y, config)
    assert ours.shape == config.shape
    assert worst_block(ours, v2_by_librosa(y)) <= OF_THE_BLOCKS_MAXIMUM


@pytest.mark.parametrize(("n_fft", "hop"), [(2047, 441), (2048, 441), (511, 100), (512, 132_300)])
def test_the_declared_shape_is_the_one_that_comes_out(n_fft: int, hop: int) -> None:
    config = FeatureConfig(n_fft=n_fft, hop_length=hop)
    samples = np.random.default_rng(0).standard_normal(config.samples).astype(np.float32)
    ours = compute(samples, config)
    assert ours.shape == config.shape
    mel = librosa.feature.melspectrogram(y=samples, n_fft=n_fft, hop_length=hop, n_mels=64)
    assert np.abs(ours - librosa.power_to_db(mel, ref=np.max)).max() <= TOLERANCE_DB


def test_the_band_levels_of_a_clip_are_mean_and_deviation_of_its_log_mel_bands() -> None:
    y = np.random.default_rng(0).standard_normal(132_300).astype(np.float32)
    expected = v1_by_librosa(y)
    for config in (V1, V2, V3):
        mean, deviation = ClipAnalysis(y).band_levels(config)
        np.testing.assert_allclose(mean, expected.mean(axis=1), atol=1e-3)
        np.testing.assert_allclose(deviation, expected.std(axis=1), atol=1e-3)
