"""A file is what its bytes seem to be: garbage is not taken for sound, nor is sound cut short."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from jobs.data.file_kind import TO_CONVERT, unread_kind
from jobs.extract.audio import mpeg
from jobs.extract.audio.decode import DecodeError, decode
from jobs.extract.audio.recording import RecordingFacts
from jobs.extract.config import FeatureConfig

V1 = FeatureConfig()
RATE = 22_050


def noise(seconds: float, rate: int = RATE) -> np.ndarray:
    time = np.arange(int(seconds * rate)) / rate
    rng = np.random.default_rng(0)
    return 0.3 * np.sin(2 * np.pi * 440 * time) + 0.05 * rng.standard_normal(len(time))


def mp3(path: Path, seconds: float, rate: int = RATE) -> bytes:
    soundfile.write(
        path, noise(seconds, rate), rate, format="MP3", bitrate_mode="CONSTANT",
        compression_level=0.5,
    )  # fmt: skip
    return path.read_bytes()


def facts_of(path: Path, data: bytes) -> RecordingFacts:
    path.write_bytes(data)
    return decode(path, V1)[1]


def aac(seed: int) -> bytes:
    """ADTS frames as an encoder writes them at 44.1 kHz, their contents at random."""
    rng = np.random.default_rng(seed)
    frames = []
    for length in rng.integers(200, 400, size=200).tolist():
        header = 0xFFF1_5080_001F_FC | length << 13
        frames.append(header.to_bytes(7, "big") + rng.bytes(length - 7))
    return b"".join(frames)


@pytest.mark.parametrize("seed", range(20))
def test_a_bare_aac_stream_under_the_name_of_an_mp3_is_no_sound(tmp_path: Path, seed: int) -> None:
    with pytest.raises(DecodeError, match=r"bare AAC stream.*ffmpeg"):
        facts_of(tmp_path / "a.mp3", aac(seed))


@pytest.mark.parametrize("before", [b"", b"ID3\x04\0\0\0\0\0\x0a" + bytes(10)], ids=["bare", "ID3"])
def test_garbage_without_a_known_beginning_is_no_sound(tmp_path: Path, before: bytes) -> None:
    for seed in range(20):
        with pytest.raises(DecodeError):
            facts_of(tmp_path / "a.mp3", before + aac(seed)[3:])


@pytest.mark.parametrize("order", ["<i2", ">i2"])
def test_samples_without_a_header_are_no_mpeg_stream(tmp_path: Path, order: str) -> None:
    """libsndfile plays some frames of most such files, begin with what looks like one or not."""
    reasons = []
    for seed in range(12):
        quiet = np.random.default_rng(seed).normal(0, 5 + seed, 40_000)
        with pytest.raises(DecodeError) as raised:
            facts_of(tmp_path / "a.mp3", quiet.astype(order).tobytes())
        reasons.append(str(raised.value))
    assert any("it is no MPEG stream" in reason for reason in reasons)


BEGINNINGS = {
    "MP4": b"\0\0\0\x1cftypM4A \0\0\2\0",
    "Windows Media": b"\x30\x26\xb2\x75\x8e\x66\xcf\x11",
    "Matroska": b"\x1a\x45\xdf\xa3\xa3B\x86",
    "AVI": b"RIFF\x86\xc6\0\0AVI LIST",
    "Flash": b"FLV\x01\x04",
    "AC-3": b"\x0b\x77\x7c\xcf",
    "DTS": b"\x7f\xfe\x80\x01\xfc",
    "MPEG video": b"\0\0\x01\xba!",
    "AAC": b"V\xe17 \0\x12\x08",
    "WavPack": b"wvpk$\x94",
    "RealMedia": b".RMF\0\0",
}


@pytest.mark.parametrize("name", ["a.mp3", "a.m4a", "a.wav"])
@pytest.mark.parametrize("kind", BEGINNINGS)
def test_what_is_not_read_is_named_with_the_line_that_converts_it(
    tmp_path: Path, kind: str, name: str
) -> None:
    with pytest.raises(DecodeError) as raised:
        facts_of(tmp_path / name, BEGINNINGS[kind] + aac(0))
    assert kind in str(raised.value)
    assert str(raised.value).endswith(TO_CONVERT)


def test_a_transport_stream_is_named() -> None:
    packets = b"".join(b"G" + bytes(187) for _ in range(5))
    kind, timed = unread_kind(packets[:512]), unread_kind((bytes(4) + packets)[:512])
    assert kind is not None
    assert "transport stream" in kind.name
    assert timed is None  # without a time stamp before each packet it is none


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
        (b"<!DOCTYPE html><title>404</title>", "download failed"),
        (b"\n<html><body>Sign in</body></html>", "download failed"),
        (b"PK\x03\x04" + bytes(99), "unpack"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF" + bytes(99), "a picture"),
        (b"the free world of text", "not recognised"),
    ],
)
def test_what_is_no_recording_is_named(tmp_path: Path, data: bytes, said: str) -> None:
    with pytest.raises(DecodeError, match=said):
        facts_of(tmp_path / "a.mp3", data)


def test_a_codec_that_is_not_known_is_told_from_what_is_no_sound(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, noise(1), RATE)
    data = bytearray(path.read_bytes())
    data[20:22] = (0x2000).to_bytes(2, "little")  # the codec's number: AC-3
    with pytest.raises(DecodeError, match=r"cannot read this WAV file.*ffmpeg"):
        facts_of(path, bytes(data))


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100])
def test_two_mp3s_glued_together_are_partial(tmp_path: Path, rate: int) -> None:
    path = tmp_path / "a.mp3"
    facts = facts_of(path, 2 * mp3(path, 2.0, rate))
    assert facts.missing_s == pytest.approx(2, abs=0.4)


def with_tag(data: bytes, frames: int) -> bytes:
    at = max(data.find(b"Xing"), data.find(b"Info"))
    assert at > 0
    return data[: at + 8] + frames.to_bytes(4, "big") + data[at + 12 :]


def test_a_length_tag_that_counts_too_few_frames_makes_a_clip_partial(tmp_path: Path) -> None:
    path = tmp_path / "a.mp3"
    facts = facts_of(path, with_tag(mp3(path, 5.0), 70))
    assert facts.missing_s == pytest.approx(5 - 70 * 576 / RATE, abs=0.2)
    assert facts.duration_s == pytest.approx(5, abs=0.2)


@pytest.mark.parametrize("seconds", [2.0, 7.0])
@pytest.mark.parametrize("frames", [10**9, 10**6])
def test_an_absurd_length_tag_is_unknown_and_not_partial(
    tmp_path: Path, seconds: float, frames: int
) -> None:
    path = tmp_path / "a.mp3"
    facts = facts_of(path, with_tag(mp3(path, seconds), frames))
    assert not facts.is_partial
    assert facts.duration_s == pytest.approx(min(6.0, seconds), abs=0.1)


@pytest.mark.parametrize("size", [2**32 - 1, 2**31 - 1, 2**31 - 4096, 2**32 - 100])
def test_a_wav_that_was_streamed_is_not_partial(tmp_path: Path, size: int) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, noise(2), RATE)
    data = path.read_bytes()
    at = data.index(b"data") + 4
    little = size.to_bytes(4, "little")
    facts = facts_of(path, data[:4] + little + data[8:at] + little + data[at + 4 :])
    assert not facts.is_partial
    assert facts.duration_s == pytest.approx(2, abs=0.01)


def test_a_wav_whose_header_was_never_finished_is_told_how_to_mend(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, noise(2), RATE)
    data = path.read_bytes()
    at = data.index(b"data") + 4
    with pytest.raises(DecodeError, match=r"no audio, by what it says.*ffmpeg"):
        facts_of(path, data[:4] + bytes(4) + data[8:at] + bytes(4) + data[at + 4 :])


@pytest.mark.parametrize("seconds", [0.5, 2.0, 7.0])
def test_a_flac_without_a_count_is_read(tmp_path: Path, seconds: float) -> None:
    path = tmp_path / "a.flac"
    soundfile.write(path, noise(seconds), RATE)
    counted, _ = decode(path, V1)
    data = bytearray(path.read_bytes())
    assert data[:4] == b"fLaC"
    data[21] &= 0xF0  # 36 bits of STREAMINFO hold the number of samples, 0 if it is not known
    data[22:26] = bytes(4)
    path.write_bytes(data)
    samples, facts = decode(path, V1)
    np.testing.assert_array_equal(samples, counted)
    assert not facts.is_partial
    assert facts.duration_s == pytest.approx(min(6.0, seconds), abs=0.01)


@pytest.mark.parametrize(("lost_s", "partial"), [(0.04, False), (0.06, True)])
def test_fifty_milliseconds_may_be_missing(tmp_path: Path, lost_s: float, partial: bool) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, noise(2), RATE)
    data = path.read_bytes()
    assert facts_of(path, data[: len(data) - 2 * int(lost_s * RATE)]).is_partial is partial


# What the standard says of frames with these headers.
FRAMES = [
    (b"\xff\xff\x90\x00", 4 * (12 * 288_000 // 44_100), 384, 44_100),  # MPEG-1 layer I
    (b"\xff\xfd\x90\x00", 144 * 160_000 // 44_100, 1152, 44_100),  # MPEG-1 layer II
    (b"\xff\xfb\x92\x00", 144 * 128_000 // 44_100 + 1, 1152, 44_100),  # layer III, padded
    (b"\xff\xf7\x90\x00", 4 * (12 * 144_000 // 22_050), 384, 22_050),  # MPEG-2 layer I
    (b"\xff\xf5\x90\x00", 144 * 80_000 // 22_050, 1152, 22_050),  # MPEG-2 layer II
    (b"\xff\xf3\x98\x00", 72 * 80_000 // 16_000, 576, 16_000),  # MPEG-2 layer III
    (b"\xff\xe3\x90\x00", 72 * 80_000 // 11_025, 576, 11_025),  # MPEG-2.5 layer III
]


@pytest.mark.parametrize(("header", "length", "samples", "rate"), FRAMES)
def test_frames_of_all_layers_are_counted(
    tmp_path: Path, header: bytes, length: int, samples: int, rate: int
) -> None:
    assert mpeg.header_of(header) == mpeg.Header(length, samples, rate)
    path = tmp_path / "a.mp3"
    path.write_bytes(50 * (header + bytes(length - 4)))
    counted = mpeg.count_frames(path, 60.0)
    beside = mpeg.FRAMES_BESIDE_THE_SOUND
    assert counted.sound_s == pytest.approx((50 - beside) * samples / rate)
    assert (counted.share, counted.begin_at_once) == (1.0, True)
    assert mpeg.count_frames(path, 0.1).sound_s == pytest.approx(0.1, abs=samples / rate)
