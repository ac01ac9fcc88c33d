"""Any file that comes under the name of an MP3: decoded like librosa, or named with the reason."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import librosa
import numpy as np
import pytest
import soundfile

from jobs.extract.audio import mpeg
from jobs.extract.audio.recording import RecordingFacts
from jobs.extract.clip_features import ClipFeatures
from jobs.extract.config import FeatureConfig
from jobs.extract.features.analysis import compute
from jobs.extract.workers.phase import Phase
from jobs.extract.workers.request import WorkRequest, work_on
from jobs.process import REPOSITORY

V1 = FeatureConfig()


def extracted(path: Path, configs: Sequence[FeatureConfig] = (V1,)) -> ClipFeatures:
    request = WorkRequest(path, tuple(range(len(configs))))
    found = work_on(request, configs, Phase(Phase.create()))
    assert isinstance(found, ClipFeatures)
    return found


def require_librosas(path: Path) -> RecordingFacts:
    """The features are finite, and those of the samples that librosa reads from the same file."""
    found = extracted(path)
    assert found.reason == ""
    y, _ = librosa.load(path, sr=22050, duration=6)
    expected = compute(librosa.util.fix_length(y, size=132300), V1)
    np.testing.assert_array_equal(found.features[0], expected)
    assert np.isfinite(expected).all()
    assert found.facts is not None
    return found.facts


def sound(seconds: float, rate: int, channels: int = 1) -> np.ndarray:
    rng = np.random.default_rng(rate + channels)
    time = np.arange(int(seconds * rate)) / rate
    waves = [np.sin(2 * np.pi * rng.uniform(100, rate / 5) * time) for _ in range(channels)]
    return 0.3 * np.stack(waves, axis=1) + 0.05 * rng.standard_normal((len(time), channels))


def write_cbr(path: Path, samples: np.ndarray, rate: int) -> None:
    soundfile.write(
        path, samples, rate, format="MP3", bitrate_mode="CONSTANT", compression_level=0.5
    )


@pytest.mark.parametrize("rate", [8_000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("mode", ["CONSTANT", "VARIABLE", "AVERAGE"])
def test_every_kind_of_mp3_is_read_as_librosa_reads_it(
    tmp_path: Path, rate: int, channels: int, mode: str
) -> None:
    path = tmp_path / "a.mp3"
    # Without a level soundfile leaves the bit rate variable, whatever the mode.
    soundfile.write(
        path, sound(2, rate, channels), rate, format="MP3", bitrate_mode=mode, compression_level=0.5
    )
    facts = require_librosas(path)
    assert (facts.sample_rate, facts.channels) == (rate, channels)
    assert facts.codec == "MP3/MPEG_LAYER_III"
    assert facts.bit_rate == pytest.approx(8 * path.stat().st_size / facts.duration_s, rel=1e-3)
    assert facts.duration_s == pytest.approx(2, abs=0.1)
    assert not facts.is_partial


def id3v2(size: int) -> bytes:
    """An ID3v2.3 tag that holds one picture of `size` random bytes."""
    picture = b"\x00image/png\x00\x03\x00" + np.random.default_rng(0).bytes(size)
    frame = b"APIC" + len(picture).to_bytes(4, "big") + b"\0\0" + picture
    sizes = [(len(frame) >> shift) & 0x7F for shift in (21, 14, 7, 0)]
    return b"ID3\x03\x00\x00" + bytes(sizes) + frame


WRAPPINGS: dict[str, Callable[[bytes], bytes]] = {
    "ID3v1": lambda mp3: mp3 + b"TAG" + b"title".ljust(125, b"\0"),
    "ID3v2": lambda mp3: id3v2(100) + mp3,
    "ID3v2 with a picture of 3 MB": lambda mp3: id3v2(3_000_000) + mp3,
    "a newline before the first frame": lambda mp3: b"\n" + mp3,
    "zeros before the first frame": lambda mp3: bytes(10_000) + mp3,
    "text before the first frame": lambda mp3: b"junk" * 256 + mp3,
    "text behind the last frame": lambda mp3: mp3 + b"<html>not found</html>",
}


@pytest.mark.parametrize("wrapping", WRAPPINGS)
def test_what_stands_around_the_audio_changes_nothing(
    tmp_path: Path, write_mp3: Callable[..., Path], wrapping: str
) -> None:
    path = write_mp3(tmp_path / "a.mp3", seconds=2.0)
    path.write_bytes(WRAPPINGS[wrapping](path.read_bytes()))
    require_librosas(path)


@pytest.mark.parametrize("kind", ["WAV", "FLAC", "OGG", "AIFF"])
def test_the_content_and_not_the_name_tells_the_format(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.mp3"
    soundfile.write(path, sound(7, 44_100, 2), 44_100, format=kind)
    require_librosas(path)


def test_opus_is_read_as_librosa_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "a.mp3"
    soundfile.write(path, sound(7, 48_000, 2), 48_000, format="OGG", subtype="OPUS")
    assert require_librosas(path).codec == "OGG/OPUS"


def test_an_hour_is_decoded_only_as_far_as_needed(tmp_path: Path) -> None:
    path = tmp_path / "a.mp3"
    second = sound(1, 8_000)[:, 0]
    with soundfile.SoundFile(path, "w", 8_000, 1, format="MP3") as file:
        for _ in range(3600):
            file.write(second)
    program = (
        "import re, sys; from pathlib import Path\n"
        "from jobs.extract.config import FeatureConfig\n"
        "from jobs.extract.audio.decode import decode\n"
        "samples, facts = decode(Path(sys.argv[1]), FeatureConfig())\n"
        "peak = re.search(r'VmHWM:\\s+(\\d+)', Path('/proc/self/status').read_text())\n"
        "print(len(samples), round(facts.duration_s), peak[1])\n"
    )
    command = [sys.executable, "-c", program, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=REPOSITORY)
    samples, duration, peak_kb = map(int, done.stdout.split())
    assert (samples, duration) == (132_300, 3600)
    assert peak_kb < 4 * 3600 * 8_000 / 1024  # all samples alone would take more
    require_librosas(path)


@pytest.mark.parametrize("kept", [0.98, 0.5, 0.2])
def test_a_truncated_mp3_is_partial(tmp_path: Path, kept: float) -> None:
    path = tmp_path / "a.mp3"
    write_cbr(path, sound(5, 22_050), 22_050)
    path.write_bytes(path.read_bytes()[: int(kept * path.stat().st_size)])
    facts = require_librosas(path)
    assert facts.is_partial
    assert facts.missing_s == pytest.approx(5 * (1 - kept), abs=0.3)


@pytest.mark.parametrize("kind", ["WAV", "AIFF"])
def test_a_truncated_wav_is_partial(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.mp3"
    soundfile.write(path, sound(4, 16_000), 16_000, format=kind)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    facts = require_librosas(path)
    assert facts.missing_s == pytest.approx(2, abs=0.1)


def test_what_lies_behind_the_first_seconds_makes_no_clip_partial(
    tmp_path: Path, write_mp3: Callable[..., Path]
) -> None:
    path = write_mp3(tmp_path / "a.mp3", seconds=10.0)
    path.write_bytes(path.read_bytes()[: int(0.8 * path.stat().st_size)])
    facts = require_librosas(path)
    assert not facts.is_partial


def wav_header(channels: int, rate: int, data: int) -> bytes:
    frame = 4 * channels
    form = b"fmt " + (16).to_bytes(4, "little") + (3).to_bytes(2, "little")
    form += channels.to_bytes(2, "little") + rate.to_bytes(4, "little")
    form += (rate * frame % 2**32).to_bytes(4, "little") + frame.to_bytes(2, "little")
    form += (32).to_bytes(2, "little") + b"data" + data.to_bytes(4, "little")
    return b"RIFF" + (2**32 - 2).to_bytes(4, "little") + b"WAVE" + form


BAD: dict[str, tuple[bytes, str]] = {
    "zero bytes": (b"", "the file is empty (0 bytes)"),
    "zeros": (bytes(50_000), "not recognised"),
    "text": (b"hello world\n" * 99, "not recognised"),
    "one frame header": (b"\xff\xfb\x90\x00", ""),
    "a WAV without samples": (wav_header(1, 44_100, 0), "no audio"),
    "a WAV of NaN": (
        wav_header(1, 44_100, 4000) + np.full(1000, np.nan, np.float32).tobytes(),
        "not finite",
    ),
    "a WAV beyond all numbers": (
        wav_header(1, 22_050, 80_000) + np.full(20_000, 3e38, np.float32).tobytes(),
        "not finite",
    ),
}


@pytest.mark.parametrize("kind", BAD)
def test_what_is_no_audio_says_why(tmp_path: Path, kind: str) -> None:
    data, said = BAD[kind]
    path = tmp_path / "a.mp3"
    path.write_bytes(data)
    found = extracted(path)
    assert found.features == (None,)
    assert found.reason
    assert said in found.reason


def test_a_folder_is_no_clip(tmp_path: Path) -> None:
    assert extracted(tmp_path).reason == "it is a folder, not a file"


def test_a_file_that_may_not_be_read_is_named(write_mp3: Callable[..., Path]) -> None:
    # Not below pytest's own folder, which nobody else may enter.
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        path = write_mp3(Path(folder) / "a.mp3")
        path.chmod(0o000)
        me = os.geteuid()
        if me == 0:
            os.seteuid(65_534)  # root may read everything
        try:
            found = extracted(path)
        finally:
            os.seteuid(me)
    assert found.reason == "permission denied: the file may not be read"


@pytest.mark.parametrize(
    "name", ["a b.mp3", "it's.mp3", 'say "x".mp3', "two\nlines.mp3", "ü 音.mp3"]
)
def test_odd_names_are_read(tmp_path: Path, write_mp3: Callable[..., Path], name: str) -> None:
    require_librosas(write_mp3(tmp_path / name, seconds=1.0))


def without_length_tag(mp3: bytes) -> bytes:
    """Cut the first frame, which says how many follow."""
    return mp3[mpeg.header_of(mp3[:4]).length :]


@pytest.mark.parametrize("before", [b"", id3v2(98_000)], ids=["bare", "picture"])
def test_a_whole_mp3_without_a_length_tag_is_not_partial(tmp_path: Path, before: bytes) -> None:
    path = tmp_path / "a.mp3"
    write_cbr(path, sound(5, 22_050), 22_050)
    path.write_bytes(before + without_length_tag(path.read_bytes()))
    facts = require_librosas(path)
    assert not facts.is_partial
    assert facts.duration_s == pytest.approx(5, abs=0.2)


def test_a_variable_bit_rate_without_a_length_tag_is_partial_where_decoders_stop_early(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.mp3"
    soundfile.write(path, sound(5, 44_100), 44_100, format="MP3", bitrate_mode="VARIABLE")
    path.write_bytes(without_length_tag(path.read_bytes()))
    facts = require_librosas(path)
    assert facts.missing_s > 1
    assert facts.duration_s == pytest.approx(5, abs=0.2)


def test_each_feature_set_is_judged_by_its_own_numbers(tmp_path: Path) -> None:
    path = tmp_path / "a.mp3"
    path.write_bytes(wav_header(1, 22_050, 80_000) + np.full(20_000, 1e18, np.float32).tobytes())
    v2 = FeatureConfig(features="v2")
    both = extracted(path, [V1, v2])
    alone = extracted(path)
    assert both.features[1] is None
    np.testing.assert_array_equal(np.asarray(both.features[0]), np.asarray(alone.features[0]))


def test_the_facts_about_a_recording_are_measured(tmp_path: Path) -> None:
    path = tmp_path / "a.mp3"
    wave = 0.5 * np.sin(2 * np.pi * 441 * np.arange(44_100) / 44_100)
    soundfile.write(path, wave, 44_100, format="FLAC", subtype="PCM_24")
    facts = extracted(path).facts
    assert facts is not None
    assert (facts.codec, facts.duration_s) == ("FLAC/PCM_24", 1.0)
    assert facts.rms == pytest.approx(0.5 / np.sqrt(2), rel=1e-4)
    assert facts.peak == pytest.approx(0.5, rel=1e-4)
    assert facts.bit_rate == 8 * path.stat().st_size


@pytest.mark.parametrize("level", [1e-22, 1e18])
def test_the_level_of_extreme_samples_is_a_number(tmp_path: Path, level: float) -> None:
    path = tmp_path / "a.mp3"
    path.write_bytes(wav_header(1, 22_050, 80_000) + np.full(20_000, level, "<f4").tobytes())
    facts = extracted(path).facts
    assert facts is not None
    assert facts.rms == pytest.approx(level, rel=1e-3)
