"""How many samples a file says that it holds, so that a cut one is noticed."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from jobs.extract.audio.mpeg import CountedFrames, count_frames

MPEG = "MP3"  # what libsndfile calls all three layers
RIFF_BYTE_ORDER: dict[str, Literal["little", "big"]] = {
    "WAV": "little", "WAVEX": "little", "AIFF": "big",
}  # fmt: skip
# A program that writes into a pipe does not know the length yet. ffmpeg then writes 2^32 - 1, sox
# a little less than 2^31; such a file that is shorter by gigabytes was not cut.
STREAMED_FROM = 2**31 - 2**16
# No codec gets below, silence included (FLAC needs 75 bit/s for it): a header that promises more
# than the bytes could hold at this rate is wrong.
LEAST_BIT_RATE = 64
# MPEG frames are searched only where too little sound came. Of what is not MPEG, about as many
# bytes look like frames as chance makes; of a stream in noise, far more are.
LEAST_SHARE_IN_FRAMES = 0.1
PARTIAL_FROM_S = 0.05


class NotMpegError(Exception):
    """What the decoder played is no MPEG stream."""


@dataclass(frozen=True, slots=True)
class Header:
    """What libsndfile says of a file before it decodes it."""

    format: str
    frames: int
    channels: int
    sample_rate: int
    codec: str
    file_size: int

    def is_absurd(self, frames: int) -> bool:
        """Whether a file of this size cannot hold so many samples."""
        return 8 * self.file_size * self.sample_rate < LEAST_BIT_RATE * frames


def promised_frames(path: Path, header: Header, decoded: int, wanted: int) -> int:
    """Return how many samples a file says that it holds; as many as it held if it does not say.

    Of a cut WAV libsndfile counts what is there. Of an MPEG stream it believes the length tag, and
    without one it guesses; in both cases it stops there. So if too little came, frames are counted.

    Args:
        path: the file.
        header: what libsndfile says of it.
        decoded: samples a channel that came.
        wanted: samples that were asked for.

    Raises:
        NotMpegError: what came was not decoded from MPEG frames.
        OSError: the file cannot be read now.
    """
    promised = header.frames
    if header.format in RIFF_BYTE_ORDER:
        promised = _promised_by_riff(path, header)
    if header.is_absurd(promised):
        promised = decoded
    if header.format == MPEG and decoded < wanted:
        frames = count_frames(path, wanted / header.sample_rate)
        _require_mpeg(frames)
        counted = int(frames.sound_s * header.sample_rate)
        if not frames.has_length_tag or counted - decoded > PARTIAL_FROM_S * header.sample_rate:
            promised = max(decoded, counted)
    return promised


def missing_s(promised: int, decoded: int, wanted: int, rate: int) -> float:
    """Return the seconds of the wanted part that are promised and did not come, if they matter."""
    missing = (min(wanted, promised) - decoded) / rate
    return missing if missing > PARTIAL_FROM_S else 0.0


def _require_mpeg(frames: CountedFrames) -> None:
    if frames.share < LEAST_SHARE_IN_FRAMES and not frames.begin_at_once:
        raise NotMpegError(
            f"it is no MPEG stream: {100 * frames.share:.0f} % of its bytes lie in frames"
        )


def _promised_by_riff(path: Path, header: Header) -> int:
    with path.open("rb") as start:
        said = int.from_bytes(start.read(8)[4:], RIFF_BYTE_ORDER[header.format])
    if said >= STREAMED_FROM or said + 8 <= header.file_size:
        return header.frames
    return header.frames * (said + 8) // header.file_size
