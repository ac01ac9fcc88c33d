"""v1 equals the librosa calls that define it, on made, odd and real recordings."""

from collections.abc import Callable
from pathlib import Path

import librosa
import numpy as np
import numpy.typing as npt
import pytest

from jobs.extract.config import FeatureConfig
from jobs.extract.decode import DecodeError, decode
from jobs.extract.features import compute

TOLERANCE_DB = 1e-3


def by_librosa(path: Path) -> npt.NDArray[np.float32]:
    """The definition of v1, word for word."""
    y, _ = librosa.load(path, sr=22050, duration=6)
    y = librosa.util.fix_length(y, size=132300)
    mel = librosa.feature.melspectrogram(y=y, sr=22050, n_mels=64)
    result: npt.NDArray[np.float32] = librosa.power_to_db(mel, ref=np.max)
    return result


def by_us(path: Path) -> npt.NDArray[np.float32]:
    config = FeatureConfig()
    return compute(decode(path, config)[0], config)


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
    ours = by_us(path)
    assert ours.shape == (64, 259)
    assert ours.dtype == np.float32
    assert np.abs(ours - by_librosa(path)).max() <= TOLERANCE_DB


@pytest.mark.clips
def test_real_clips_equal_librosa(real_clips: Path) -> None:
    paths = sorted(real_clips.rglob("*.mp3"))
    assert paths
    worst = max(float(np.abs(by_us(path) - by_librosa(path)).max()) for path in paths[::8])
    assert worst <= TOLERANCE_DB


def test_only_the_first_seconds_count(tmp_path: Path, write_mp3: Callable[..., Path]) -> None:
    path = write_mp3(tmp_path / "a.mp3", seconds=600, rate=8_000)
    samples, _ = decode(path, FeatureConfig())
    assert samples.shape == (132_300,)
    assert np.abs(samples[-1000:]).max() > 0.1


def test_a_silent_clip_is_finite() -> None:
    features = compute(np.zeros(132_300, dtype=np.float32), FeatureConfig())
    assert np.isfinite(features).all()


def test_settings_change_the_shape(tmp_path: Path, write_mp3: Callable[..., Path]) -> None:
    config = FeatureConfig(sample_rate=16_000, seconds=2, n_fft=1024, hop_length=256, n_mels=40)
    path = write_mp3(tmp_path / "a.mp3", seconds=2.0)
    assert config.shape == (40, 126)
    assert compute(decode(path, config)[0], config).shape == (40, 126)


@pytest.mark.parametrize(
    ("data", "said"),
    [(b"", "empty"), (b"hello world\n" * 99, "not recognised"), (b"\xff\xfb\x90\x00", ".")],
)
def test_what_is_no_audio_says_why(tmp_path: Path, data: bytes, said: str) -> None:
    path = tmp_path / "a.mp3"
    path.write_bytes(data)
    with pytest.raises(DecodeError, match=said):
        decode(path, FeatureConfig())


@pytest.mark.parametrize("before", [b"\n", bytes(4), b"junk" * 256, bytes(10_000)], ids=len)
def test_bytes_before_the_first_frame_are_skipped_as_librosa_skips_them(
    tmp_path: Path, write_mp3: Callable[..., Path], before: bytes
) -> None:
    path = write_mp3(tmp_path / "a.mp3", seconds=2.0)
    path.write_bytes(before + path.read_bytes())
    assert np.abs(by_us(path) - by_librosa(path)).max() <= TOLERANCE_DB


@pytest.mark.parametrize(("n_fft", "hop"), [(2047, 441), (2048, 441), (511, 100), (512, 132_300)])
def test_the_declared_shape_is_the_one_that_comes_out(n_fft: int, hop: int) -> None:
    config = FeatureConfig(n_fft=n_fft, hop_length=hop)
    samples = np.zeros(config.samples, dtype=np.float32)
    assert compute(samples, config).shape == config.shape


def test_every_setting_changes_the_fingerprint() -> None:
    changed = {
        "features": "v2", "sample_rate": 16_000,
        "seconds": 5.0, "n_fft": 1024, "hop_length": 256, "n_mels": 32,
    }  # fmt: skip
    assert set(changed) == set(FeatureConfig.model_fields)
    prints = {FeatureConfig.checked({k: v}, "").fingerprint() for k, v in changed.items()}
    assert len(prints | {FeatureConfig().fingerprint()}) == len(changed) + 1
