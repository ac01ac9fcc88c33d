"""From a file to samples, and what there is to know about the recording."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from jobs.data.file_kind import TO_CONVERT, container_of, head_of, unread_kind
from jobs.extract.audio.promised import MPEG, Header, NotMpegError, missing_s, promised_frames
from jobs.extract.audio.recording import RecordingFacts, loudness
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
    ("Format not recognised", "format not recognised: this is not audio"),
    ("Unspecified internal error", "the MPEG stream is damaged; the decoder cannot go on"),
)
# What libsndfile counts where the header does not: a FLAC file written into a pipe.
UNCOUNTED = 2**62
MORE_THAN_A_HEADER = 10_000


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
        # Where a program died before it could write how much there is, ffmpeg looks itself.
        remedy = TO_CONVERT if header.file_size > MORE_THAN_A_HEADER else ""
        raise DecodeError(f"the file has a header but no audio, by what it says{remedy}")
    peak = max(float(mono.max()), -float(mono.min()))
    if not np.isfinite(peak):  # NaN too is its own maximum
        raise DecodeError("the decoded samples are not finite")
    wanted = int(config.seconds * rate)
    try:
        promised = promised_frames(path, header, len(mono), wanted)
    except NotMpegError as error:
        raise DecodeError(str(error)) from error
    facts = RecordingFacts(
        sample_rate=rate,
        channels=header.channels,
        codec=header.codec,
        bit_rate=8 * header.file_size * rate // max(1, promised),
        duration_s=promised / rate,
        peak=peak,
        **loudness(mono, rate)._asdict(),
        missing_s=missing_s(promised, len(mono), wanted, rate),
    )
    return fixed_length(resampled(mono, rate, config.sample_rate), config.samples), facts


def _read(path: Path, seconds: float) -> tuple[Floats, int, Header]:
    """Return float32 [samples], mono, the file's own rate in Hz, and its header."""
    import soundfile

    size = path.stat().st_size
    if size == 0:
        raise DecodeError("the file is empty (0 bytes)")
    try:
        with opened(path) as file:
            require_sound(file, path)
            codec = f"{file.format}/{file.subtype}"
            header = Header(file.format, file.frames, file.channels, file.samplerate, codec, size)
            # int(), not round(): as librosa.load counts.
            return mono_samples(file, int(seconds * file.samplerate)), file.samplerate, header
    except soundfile.LibsndfileError as error:
        said = error.error_string.strip().rstrip(".").removeprefix("Error : ")
        raise DecodeError(in_words(path, said)) from error
    except RuntimeError as error:
        raise DecodeError(f"the decoder gave up: {error}") from error


def require_sound(file: "SoundFile", path: Path) -> None:
    """Refuse what libsndfile opens and would take for sound.

    Raises:
        DecodeError: says what the file is.
    """
    if file.samplerate > HIGHEST_RATE:
        raise DecodeError(f"the header claims {file.samplerate} Hz")
    if file.format == MPEG and (kind := unread_kind(head_of(path))):
        raise DecodeError(kind.reason)


def opened(path: Path) -> "SoundFile":
    import soundfile

    file = soundfile.SoundFile(path)
    if file.frames < UNCOUNTED:
        return file
    file.close()

    class Stream(soundfile.SoundFile):
        """A file read from its beginning only: without a count, nobody can seek to its end."""

        def seekable(self) -> bool:
            return False

    return Stream(path)


def in_words(path: Path, said: str) -> str:
    """Return why libsndfile reads nothing from a file: what the file is, or what it says itself."""
    head = head_of(path)
    if kind := unread_kind(head):
        return kind.reason
    if container := container_of(head):
        return f"the decoder cannot read this {container} file ({said}){TO_CONVERT}"
    return next((ours for its, ours in IN_WORDS if its in said), said)


def mono_samples(file: "SoundFile", wanted: int) -> Floats:
    """Return the first samples of a file with its channels averaged, as librosa averages them."""
    at_once = max(1, BYTES_AT_ONCE // (4 * file.channels))
    blocks: list[Floats] = []
    while wanted > 0:
        asked = min(wanted, at_once)
        block = file.read(frames=asked, dtype="float32")
        blocks.append(block if block.ndim == 1 else block.T.mean(axis=0))
        wanted = wanted - asked if len(block) == asked else 0
    return blocks[0] if len(blocks) == 1 else np.concatenate([*blocks, np.zeros(0, np.float32)])


def resampled(mono: Floats, rate: int, wanted: int) -> Floats:
    """Resample as `librosa.resample`, which rounds the length up."""
    if rate == wanted:
        return mono
    import soxr

    try:
        resampled = soxr.resample(mono, rate, wanted, quality="soxr_hq")
    except (ValueError, RuntimeError) as error:
        raise DecodeError(f"{rate} Hz cannot be resampled to {wanted} Hz: {error}") from error
    return fixed_length(resampled, int(np.ceil(len(mono) * (wanted / rate))))


def fixed_length(samples: Floats, length: int) -> Floats:
    """Cut, or pad with zeros."""
    if len(samples) >= length:
        return samples[:length]
    padded = np.zeros(length, dtype=np.float32)
    padded[: len(samples)] = samples
    return padded
