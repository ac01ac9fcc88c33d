"""What an MPEG stream holds, frame by frame, without decoding it: layers I to III."""

import functools
import itertools
import re
from dataclasses import dataclass
from pathlib import Path

from jobs.data.file_kind import id3v2_length

# ISO/IEC 11172-3 and 13818-3: kbit/s by the header's index, for each (is MPEG-1, layer), and Hz.
_LOW = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_KBITS = {
    (True, 1): (0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): _LOW,
    (False, 3): _LOW,
}
_HZ = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}
MPEG_1 = 3
SYNC = 0xFF  # the first byte of a header
MOST_BYTES_A_SECOND = 448_000 // 8
LENGTH_TAGS = (b"Xing", b"Info", b"VBRI")
FIRST_FRAME_WITHIN = 4096
# The tag's own frame, and what encoder and decoder add before and behind the sound.
FRAMES_BESIDE_THE_SOUND = 4


@dataclass(frozen=True, slots=True)
class Header:
    """A frame: its bytes, samples a channel, and sample rate in Hz."""

    length: int
    samples: int
    rate: int


@dataclass(frozen=True, slots=True)
class CountedFrames:
    """The frames of a stream, as far as they were counted.

    Attributes:
        sound_s: how long the sound is that they hold, at least.
        share: of the bytes that were searched, how much lies in frames.
        begin_at_once: whether the stream begins with one.
        has_length_tag: whether the first one says how many follow. Without such a tag a decoder
            guesses from the size of the file and of the first frame, which is wrong for variable
            bit rates.
    """

    sound_s: float
    share: float
    begin_at_once: bool
    has_length_tag: bool


def _one_of(wanted: list[int]) -> bytes:
    return b"[" + b"".join(re.escape(bytes([value])) for value in wanted) + b"]"


# A version and a layer that exist, then a bit rate and a sample rate that do. "Free" bit rates, of
# which no header says how long a frame is, count as the beginning of a stream but not as frames.
_VERSION_LAYER = _one_of([b for b in range(0xE0, 0x100) if b >> 3 & 3 != 1 and b >> 1 & 3])
_RATES = _one_of([b for b in range(0x100) if b >> 4 not in (0, 15) and b >> 2 & 3 != 3])
_FREE = _one_of([b for b in range(0x10) if b >> 2 & 3 != 3])
_FRAME = re.compile(b"\xff" + _VERSION_LAYER + _RATES + b"(?s:.)")
_FREE_RATE = re.compile(b"\xff" + _VERSION_LAYER + _FREE + b"(?s:.)")


def count_frames(path: Path, most_s: float) -> CountedFrames:
    """Add up the frames of a file, each of which must be followed by another one or by the end.

    Args:
        path: the file.
        most_s: of sound; counting stops here.

    Raises:
        OSError: the file cannot be read now.
    """
    # No more than frames of the highest rate fill: an hour of noise must not be searched.
    data = _behind_id3v2(path, int((most_s + 1) * MOST_BYTES_A_SECOND))
    offset, covered, sound_s = 0, 0, 0.0
    begins = _is_of_free_rate(data)
    known, end = _headers(), len(data) - 4
    while sound_s < most_s and (found := _FRAME.search(data, offset)):
        # From frame to frame as long as one follows the other: 0.1 ms for the 190 of five seconds.
        offset = found.start()
        header = known.get(data[offset + 1 : offset + 3])
        while header is not None and sound_s < most_s:
            length, seconds = header
            behind = offset + length
            if behind <= end:
                header = known.get(data[behind + 1 : behind + 3]) if data[behind] == SYNC else None
                if header is None and data[behind : behind + 3] != b"TAG":
                    break
            else:
                header = None
            if not covered:
                sound_s = -FRAMES_BESIDE_THE_SOUND * seconds
                begins = offset == 0
            sound_s += seconds
            covered += length
            offset = behind
        else:
            continue
        offset += 1  # not a header, but bytes that look like one
    searched = offset if sound_s >= most_s else len(data)
    return CountedFrames(
        sound_s=max(0.0, sound_s),
        share=min(1.0, covered / max(1, searched)),
        begin_at_once=begins,
        has_length_tag=any(tag in data[:FIRST_FRAME_WITHIN] for tag in LENGTH_TAGS),
    )


def _is_of_free_rate(data: bytes) -> bool:
    """Return whether a stream of a "free" bit rate begins: one header comes at equal distances."""
    if not _FREE_RATE.match(data):
        return False
    header = data[:3]
    first = data.find(header, 4)
    return first > 0 and header in data[2 * first - 1 : 2 * first + 4]


@functools.cache
def _headers() -> dict[bytes, tuple[int, float]]:
    """Return bytes and seconds of each kind of frame, by the bytes 2 and 3 of its header."""
    found = {}
    for pair in itertools.product(range(0xE0, 0x100), range(0x100)):
        header = bytes((SYNC, *pair, 0))
        if _FRAME.match(header):
            frame = header_of(header)
            found[header[1:3]] = frame.length, frame.samples / frame.rate
    return found


def header_of(header: bytes) -> Header:
    """Return what the four bytes of a frame's header say, which must be valid."""
    version, layer = header[1] >> 3 & 3, 4 - (header[1] >> 1 & 3)
    first = version == MPEG_1
    rate = _HZ[version][header[2] >> 2 & 3]
    bits = 1000 * _KBITS[first, layer][header[2] >> 4]
    padding = header[2] >> 1 & 1
    if layer == 1:
        return Header(4 * (12 * bits // rate + padding), 384, rate)
    samples = 1152 if first or layer == 2 else 576
    return Header(samples // 8 * bits // rate + padding, samples, rate)


def _behind_id3v2(path: Path, most: int) -> bytes:
    with path.open("rb", buffering=0) as file:
        start = 0
        while length := id3v2_length(file.read(10)):
            start += length
            file.seek(start)
        file.seek(start)
        return file.read(most)
