"""What a file is by its first bytes: sound that we read, sound that we do not read, or no sound.

libsndfile takes whatever is named .mp3 for MPEG and searches it for something like a frame: of a
bare AAC stream it plays 50 ms of noise. So a file must first be what it seems.
"""

from dataclasses import dataclass
from pathlib import Path

HEAD_BYTES = 512
TO_CONVERT = '; to convert it: ffmpeg -i "$file" "${file%.*}.flac" && rm "$file"'
TS_PACKET, TS_SYNC, PACKETS_SEEN = 188, 0x47, 3  # three of them lie in the first 512 bytes


@dataclass(frozen=True, slots=True)
class FileKind:
    """A kind of file that is not read here.

    Attributes:
        name: with its article: "a bare AAC stream".
        is_sound: whether ffmpeg can get sound out of it.
        remedy: what else to do, if there is something.
    """

    name: str
    is_sound: bool = True
    remedy: str = ""

    @property
    def reason(self) -> str:
        """Why such a file has no features, and what to do."""
        if self.is_sound:
            return f"it is {self.name}, which the decoder does not read{TO_CONVERT}"
        return f"it is {self.name} and no recording{self.remedy}"


AAC = FileKind("a bare AAC stream")
MP4 = FileKind("an MP4 or QuickTime file (M4A, AAC, video)")
TRANSPORT_STREAM = FileKind("an MPEG transport stream")
MONKEYS, MUSEPACK = FileKind("a Monkey's Audio file"), FileKind("a Musepack file")
DTS, AC3 = FileKind("a DTS stream"), FileKind("an AC-3 stream")
REAL, TTA = FileKind("a RealMedia file"), FileKind("a True Audio file")
DSD = FileKind("a DSD file")
MPEG_VIDEO = FileKind("an MPEG video")
WEB_PAGE = FileKind("a web page", False, ": its download failed; get the recording again")
LFS_POINTER = FileKind("a Git LFS pointer", False, "; `git lfs pull` fetches the recording")
ARCHIVE = FileKind("an archive", False, "; unpack it")
PICTURE, PDF = FileKind("a picture", False), FileKind("a PDF file", False)

_BEGINS: tuple[tuple[bytes, FileKind], ...] = (
    (b"ADIF", AAC),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", FileKind("a Windows Media file (WMA, WMV)")),
    (b"\x1a\x45\xdf\xa3", FileKind("a Matroska or WebM file")),
    (b"FLV\x01", FileKind("a Flash video")),
    (b"\x00\x00\x01\xba", MPEG_VIDEO),
    (b"\x00\x00\x01\xb3", MPEG_VIDEO),
    (b"\x0b\x77", AC3),
    (b"\x7f\xfe\x80\x01", DTS),
    (b"\xfe\x7f\x01\x80", DTS),
    (b"\x1f\xff\xe8\x00", DTS),
    (b"\xff\x1f\x00\xe8", DTS),
    (b"#!AMR", FileKind("an AMR file")),
    (b".RMF", REAL),
    (b".ra\xfd", REAL),
    (b"MAC ", MONKEYS),
    (b"wvpk", FileKind("a WavPack file")),
    (b"TTA1", TTA),
    (b"TTA2", TTA),
    (b"MPCK", MUSEPACK),
    (b"MP+", MUSEPACK),
    (b"tBaK", FileKind("a TAK file")),
    (b"ajkg", FileKind("a Shorten file")),
    (b"DSD ", DSD),
    (b"FRM8", DSD),
    (b"MThd", FileKind("a MIDI file", False)),
    (b"version https://git-lfs", LFS_POINTER),
    (b"PK\x03\x04", ARCHIVE),
    (b"\x1f\x8b", ARCHIVE),
    (b"7z\xbc\xaf", ARCHIVE),
    (b"Rar!", ARCHIVE),
    (b"%PDF", PDF),
    (b"\x89PNG", PICTURE),
    (b"\xff\xd8\xff", PICTURE),
    (b"GIF8", PICTURE),
)
# What stands at the fifth byte of an MP4 file, or of an old QuickTime file.
_ATOMS = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip")
# How the containers begin that libsndfile knows; what is in them it may still not know.
_CONTAINERS = (
    (b"RIFF", "WAV"), (b"RIFX", "WAV"), (b"RF64", "WAV"), (b"riff", "W64"), (b"FORM", "AIFF"),
    (b"fLaC", "FLAC"), (b"OggS", "OGG"), (b"caff", "CAF"), (b".snd", "AU"),
    (b"Creative Voice File", "VOC"), (b"NIST_1A", "SPHERE"),
)  # fmt: skip


def cause_of(reason: str) -> str:
    """Return a reason without the line that mends one file, for tables."""
    return reason.partition(TO_CONVERT)[0]


def head_of(path: Path) -> bytes:
    """Return the first bytes of a file, behind ID3v2 tags if there are any.

    Raises:
        OSError: the file cannot be read now.
    """
    with path.open("rb", buffering=0) as file:
        head = file.read(HEAD_BYTES)
        start = 0
        while length := id3v2_length(head):
            start += length
            file.seek(start)
            head = file.read(HEAD_BYTES)
        return head


def id3v2_length(start: bytes) -> int:
    """Return how long the ID3v2 tag is that begins so, 0 if none does.

    A tag says its size in four times seven bits; a flag tells that its header comes twice.
    """
    if start[:3] != b"ID3" or len(start) < 10 or max(start[6:10]) > 0x7F:
        return 0
    size = int.from_bytes(start[6:10], "big")
    body = sum((size >> 8 * place & 0x7F) << 7 * place for place in range(4))
    return body + (20 if start[5] & 0x10 else 10)


def unread_kind(head: bytes) -> FileKind | None:
    """Return what a file is that the decoder does not read, None if that cannot be told.

    Args:
        head: its first bytes, as `head_of` returns them.
    """
    for begin, kind in _BEGINS:
        if head.startswith(begin):
            return kind
    if head[4:8] in _ATOMS and head[0] < ord(" "):  # a size; text may say "the free world"
        return MP4
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return FileKind("an AVI video")
    if _is_aac(head):
        return AAC
    if _is_transport_stream(head):
        return TRANSPORT_STREAM
    text = head.lstrip().lower()
    return WEB_PAGE if text.startswith((b"<!doctype", b"<html", b"<?xml")) else None


def _is_aac(head: bytes) -> bool:
    """Whether an ADTS or LATM frame begins so: an MPEG audio frame never has the layer 0."""
    first = int.from_bytes(head[:2], "big")
    return first & 0xFFF6 == 0xFFF0 or first & 0xFFE0 == 0x56E0


def _is_transport_stream(head: bytes) -> bool:
    """Whether packets of 188 bytes begin so, on discs each behind a time stamp of four bytes."""
    return any(
        head[stamp :: TS_PACKET + stamp][:PACKETS_SEEN] == bytes([TS_SYNC] * PACKETS_SEEN)
        for stamp in (0, 4)
    )


def is_sound(head: bytes) -> bool:
    """Return whether a file holds sound, ours to read or not, by its first bytes alone.

    Args:
        head: as `head_of` returns them.
    """
    kind = unread_kind(head)
    return kind.is_sound if kind else bool(container_of(head)) or _is_mpeg(head)


def _is_mpeg(head: bytes) -> bool:
    """Whether a frame of layer II or III begins so. Layer I would take UTF-16 text for sound."""
    if len(head) < 4 or head[0] != 0xFF or head[1] < 0xE0 or head[1] >> 1 & 3 not in (1, 2):
        return False
    return head[1] >> 3 & 3 != 1 and head[2] >> 4 not in (0, 15) and head[2] >> 2 & 3 != 3


def container_of(head: bytes) -> str | None:
    """Return which container begins so, of those that libsndfile knows: WAV, FLAC, OGG, ..."""
    return next((name for begin, name in _CONTAINERS if head.startswith(begin)), None)
