"""How long an MPEG stream says that it is: by the tag in its first frame, or frame by frame."""

from pathlib import Path

# ISO/IEC 11172-3 and 13818-3, layer III: kbit/s by the header's index, and Hz.
_KBITS_V1 = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_KBITS_V2 = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_HZ = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}
MPEG_1 = 3
MOST_BYTES_A_SECOND = 320_000 // 8
LENGTH_TAGS = (b"Xing", b"Info", b"VBRI")
FIRST_FRAME_WITHIN = 4096


def has_length_tag(path: Path) -> bool:
    """Tell whether the first frame says how many frames follow.

    Without such a tag a decoder guesses from the size of the file and of the first frame, which is
    wrong for variable bit rates.
    """
    with path.open("rb", buffering=0) as file:
        file.seek(_behind_id3v2(file.read(10)))
        head = file.read(FIRST_FRAME_WITHIN)
    return any(tag in head for tag in LENGTH_TAGS)


def frames_duration_s(path: Path, most_s: float) -> float:
    """Add up the frames of an MP3 file, without decoding them.

    Args:
        path: the file.
        most_s: counting stops here.

    Returns:
        Seconds, at most about `most_s`.
    """
    with path.open("rb", buffering=0) as file:
        file.seek(_behind_id3v2(file.read(10)))
        # No more than frames of the highest rate fill: an hour of noise must not be searched.
        data = file.read(int(most_s * MOST_BYTES_A_SECOND))
    offset, seconds = 0, 0.0
    while seconds < most_s:
        offset = data.find(b"\xff", offset)
        if offset < 0 or offset + 4 > len(data):
            break
        length, duration = _frame(data[offset : offset + 4])
        if not length or not _begins_frame(data, offset + length):
            offset += 1  # not a header, but a byte that looks like one
            continue
        seconds += duration
        offset += length
    return seconds


def _begins_frame(data: bytes, offset: int) -> bool:
    """Tell whether a frame, or the end of the stream, is at `offset`."""
    follows = data[offset : offset + 4]
    return len(follows) < 4 or follows[:3] == b"TAG" or _frame(follows)[0] > 0


def _frame(header: bytes) -> tuple[int, float]:
    """Return (bytes, seconds) of the layer III frame that begins so, or zeros."""
    version, layer = header[1] >> 3 & 3, header[1] >> 1 & 3
    rate, kbits = header[2] >> 2 & 3, header[2] >> 4
    if header[0] != 0xFF or header[1] < 0xE0 or version == 1 or layer != 1:
        return 0, 0.0
    if rate == 3 or kbits in (0, 15):
        return 0, 0.0
    hz = _HZ[version][rate]
    bits = 1000 * (_KBITS_V1 if version == MPEG_1 else _KBITS_V2)[kbits]
    samples = 1152 if version == MPEG_1 else 576
    return samples // 8 * bits // hz + (header[2] >> 1 & 1), samples / hz


def _behind_id3v2(start: bytes) -> int:
    """Return where the audio begins: an ID3v2 tag says its size in four times seven bits."""
    if start[:3] != b"ID3" or len(start) < 10:
        return 0
    return 10 + sum(
        (byte & 0x7F) << shift for byte, shift in zip(start[6:10], (21, 14, 7, 0), strict=True)
    )
