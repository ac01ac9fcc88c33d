"""From an MP3 file to samples, and what there is to know about the recording."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from jobs.extract.audio.mpeg import frames_duration_s, has_length_tag
from jobs.extract.audio.recording import RecordingFacts, rms, silent_share
from jobs.extract.config import FeatureConfig

if TYPE_CHECKING:
    from soundfile import SoundFile

Floats = npt.NDArray[np.float32]

# A header may claim anything. No converter is faster than 1.536 MHz; and of hundreds of channels so
# much is decoded at a time, not all of it. Ten minutes of stereo at 48 kHz are less.
HIGHEST_RATE = 2_000_000
BYTES_AT_ONCE = 256 * 1024**2
# What libsndfile says of anything that it does not know under the name of an MP3 file, and of an
# MPEG stream in which it cannot go on.
IN_WORDS = (
    ("not a regular file", "format not recognised: this is not audio"),
    ("Unspecified internal error", "the MPEG stream is damaged; the decoder cannot go on"),
)
RIFF_BYTE_ORDER: dict[str, Literal["little", "big"]] = {
    "WAV": "little", "WAVEX": "little", "AIFF": "big",
}  # fmt: skip
GUESSED_WITHIN_S = 0.2


class DecodeError(Exception):
    """The file is not audio that can be read. Final: the same bytes fail again."""


def decode(path: Path, config: FeatureConfig) -> tuple[Floats, RecordingFacts]:
    """Return the first `config.seconds` of a recording as mono samples of fixed length.

    Equal to `librosa.load(path, sr=sample_rate, duration=seconds)` followed by
    `librosa.util.fix_length(size=samples)`: channels are averaged, soxr resamples at high
    quality, a short clip is padded with zeros. The format is told from the content.

    Args:
        path: the file. A path and not its bytes: libsndfile finds the first MPEG frame behind
            other bytes only where the name ends in .mp3, and librosa goes by the path too.
        config: sample rate in Hz and seconds.

    Returns:
        float32 [samples], and what the recording is.

    Raises:
        DecodeError: no audio can be read from the file.
        OSError: the file cannot be read now.
    """
    mono, rate, header = _read(path, config.seconds)
    if mono.size == 0:
        raise DecodeError("the file has a header but no audio")
    peak = max(float(mono.max()), -float(mono.min()))
    if not np.isfinite(peak):  # NaN too is its own maximum
        raise DecodeError("the decoded samples are not finite")
    wanted = int(config.seconds * rate)
    promised = _promised_frames(path, header, len(mono), wanted)
    facts = RecordingFacts(
        sample_rate=rate,
        channels=header.channels,
        codec=header.codec,
        bit_rate=8 * header.file_size * rate // max(1, promised),
        duration_s=promised / rate,
        peak=peak,
        rms=rms(mono),
        silence=silent_share(mono, rate),
        missing_s=max(0, min(wanted, promised) - len(mono)) / rate,
    )
    return _fixed_length(_resampled(mono, rate, config.sample_rate), config.samples), facts


@dataclass(frozen=True, slots=True)
class _Header:
    format: str
    frames: int
    channels: int
    sample_rate: int
    codec: str
    file_size: int


def _read(path: Path, seconds: float) -> tuple[Floats, int, _Header]:
    """Return float32 [samples], mono, the file's own rate in Hz, and its header."""
    import soundfile

    size = path.stat().st_size
    if size == 0:
        raise DecodeError("the file is empty (0 bytes)")
    try:
        with soundfile.SoundFile(path) as file:
            if file.samplerate > HIGHEST_RATE:
                raise DecodeError(f"the header claims {file.samplerate} Hz")
            codec = f"{file.format}/{file.subtype}"
            header = _Header(file.format, file.frames, file.channels, file.samplerate, codec, size)
            # int(), not round(): as librosa.load counts.
            return _mono(file, int(seconds * file.samplerate)), file.samplerate, header
    except soundfile.LibsndfileError as error:
        said = error.error_string.strip().rstrip(".").removeprefix("Error : ")
        raise DecodeError(next((ours for its, ours in IN_WORDS if its in said), said)) from error
    except RuntimeError as error:
        raise DecodeError(f"the decoder gave up: {error}") from error


def _mono(file: "SoundFile", wanted: int) -> Floats:
    """Return the first samples of a file with its channels averaged, as librosa averages them."""
    at_once = max(1, BYTES_AT_ONCE // (4 * file.channels))
    blocks: list[Floats] = []
    while wanted > 0:
        asked = min(wanted, at_once)
        block = file.read(frames=asked, dtype="float32")
        blocks.append(block if block.ndim == 1 else block.T.mean(axis=0))
        wanted = wanted - asked if len(block) == asked else 0
    return blocks[0] if len(blocks) == 1 else np.concatenate([*blocks, np.zeros(0, np.float32)])


def _promised_frames(path: Path, header: _Header, decoded: int, wanted: int) -> int:
    """Return how many samples the file says that it holds.

    Of a cut WAV libsndfile counts what is there; of an MP3 without a length tag it guesses, and
    stops where its guess ends. There the frames themselves are counted.
    """
    if header.format in RIFF_BYTE_ORDER:
        return _promised_by_riff(path, header)
    if header.format != "MP3" or decoded >= wanted or has_length_tag(path):
        return header.frames
    counted = int(header.sample_rate * frames_duration_s(path, wanted / header.sample_rate))
    # The first frames may be lost to the decoder's delay.
    return counted if counted - decoded > GUESSED_WITHIN_S * header.sample_rate else decoded


def _promised_by_riff(path: Path, header: _Header) -> int:
    with path.open("rb") as start:
        said = start.read(8)[4:]
    promised = int.from_bytes(said, RIFF_BYTE_ORDER[header.format]) + 8
    here = path.stat().st_size
    if said == b"\xff" * 4 or promised <= here:
        # All bits set is what a program writes that did not know the length yet.
        return header.frames
    return header.frames * promised // here


def _resampled(mono: Floats, rate: int, wanted: int) -> Floats:
    """Resample as `librosa.resample`, which rounds the length up."""
    if rate == wanted:
        return mono
    import soxr

    try:
        resampled = soxr.resample(mono, rate, wanted, quality="soxr_hq")
    except (ValueError, RuntimeError) as error:
        raise DecodeError(f"{rate} Hz cannot be resampled to {wanted} Hz: {error}") from error
    return _fixed_length(resampled, int(np.ceil(len(mono) * (wanted / rate))))


def _fixed_length(samples: Floats, length: int) -> Floats:
    """Cut, or pad with zeros."""
    if len(samples) >= length:
        return samples[:length]
    padded = np.zeros(length, dtype=np.float32)
    padded[: len(samples)] = samples
    return padded
