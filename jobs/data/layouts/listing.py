"""What the layouts share: which files are clips, what their ids are, in which order they come."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from jobs.data.dataset import is_integer
from jobs.data.file_kind import head_of, is_sound
from jobs.data.manifest import Clip
from jobs.errors import InputError, quoted

# A file so named is a clip whatever is in it: what cannot be decoded is told in quarantine.csv. Of
# all others the first bytes decide.
SOUND_SUFFIXES = frozenset(
    (
        *(
            ".mp3",
            ".mp2",
            ".mpga",
            ".wav",
            ".wave",
            ".bwf",
            ".w64",
            ".rf64",
            ".flac",
            ".ogg",
            ".oga",
        ),
        *(".opus", ".spx", ".aif", ".aiff", ".aifc", ".au", ".snd", ".caf", ".voc", ".m4a", ".m4b"),
        *(".mp4", ".aac", ".wma", ".asf", ".webm", ".mka", ".mkv", ".mov", ".avi", ".3gp", ".amr"),
        *(
            ".ape",
            ".wv",
            ".tta",
            ".mpc",
            ".ac3",
            ".dts",
            ".ra",
            ".rm",
            ".mpg",
            ".mpeg",
            ".wmv",
            ".flv",
        ),
    )
)
# What macOS puts beside the files of an archive.
HIDDEN = "__MACOSX"
# One of these lies in every output folder, and in that of every prediction in jobs.
OURS = (Path("launch", "plan.json"), Path("launch", "prediction.json"))


class What(Enum):
    """What a walk finds."""

    SOUND = "sound"
    NO_SOUND = "no sound"
    HIDDEN = "hidden"
    OUTPUT = "an output of ours"
    LOOP = "a link to a folder above it"


@dataclass(frozen=True, slots=True)
class Found:
    """A file, or a folder that is not entered; `path` is relative to where the walk began."""

    path: str
    what: What


def walk(folder: Path, sniff: bool = True) -> Iterator[Found]:
    """Yield everything below a folder, links followed, in no order.

    Args:
        folder: where to begin.
        sniff: look into files whose names do not tell; else they count as no sound.

    Raises:
        InputError: a link leads nowhere.
        OSError: a folder or a file cannot be read.
    """
    # A link from test/ to the data folder would make test clips of the training clips.
    above = [os.stat(parent) for parent in folder.resolve().parents]
    yield from _walk(str(folder), "", tuple((s.st_dev, s.st_ino) for s in above), sniff)


def _walk(
    folder: str, below: str, above: tuple[tuple[int, int], ...], sniff: bool
) -> Iterator[Found]:
    status = os.stat(folder)
    me = (status.st_dev, status.st_ino)
    if me in above:
        yield Found(below, What.LOOP)
        return
    if below and any(os.path.exists(os.path.join(folder, each)) for each in OURS):
        yield Found(below, What.OUTPUT)
        return
    with os.scandir(folder) as entries:
        for entry in entries:
            path = f"{below}{entry.name}"
            if is_hidden(entry.name):
                yield Found(path, What.HIDDEN)
            elif entry.is_dir() and not _is_named_as_sound(entry.name):
                yield from _walk(entry.path, f"{path}/", (*above, me), sniff)
            else:
                yield Found(path, _what(entry, sniff))


def _what(entry: "os.DirEntry[str]", sniff: bool) -> What:
    if _is_named_as_sound(entry.name):
        return What.SOUND  # a folder or a link that leads nowhere, too: each is told as a clip
    if entry.is_symlink() and not os.path.exists(entry.path):
        raise dangling(Path(entry.path))
    if not sniff or not entry.is_file():
        return What.NO_SOUND
    try:
        return What.SOUND if is_sound(head_of(Path(entry.path))) else What.NO_SOUND
    except PermissionError:
        return What.NO_SOUND


def _is_named_as_sound(name: str) -> bool:
    return os.path.splitext(name)[1].lower() in SOUND_SUFFIXES


def is_hidden(name: str) -> bool:
    """Return whether a file or a folder is not for people to see."""
    return name.startswith(".") or name == HIDDEN


def dangling(path: Path) -> InputError:
    """Return the error for a link that leads nowhere."""
    return InputError(
        f"{path} is a link to {quoted(str(path.readlink()))}, which does not exist here; mend the "
        "link (is the file system mounted?) or remove it"
    )


def is_there(path: Path) -> bool:
    """Return whether there is something under a name that a layout knows.

    Raises:
        InputError: it is a link that leads nowhere: what it stood for must not vanish unsaid.
    """
    if path.is_symlink() and not path.exists():
        raise dangling(path)
    return path.exists()


def sound_files(folder: Path) -> list[str]:
    """Return the sound files below `folder`, relative to it, hidden ones left out, in byte order.

    Raises:
        InputError: a name is not UTF-8, so that no CSV file could hold it; a link leads nowhere.
    """
    found = (each.path for each in walk(folder) if each.what is What.SOUND)
    return [_utf8(folder, name) for name in sorted(map(os.fsencode, found))]


def _utf8(folder: Path, name: bytes) -> str:
    try:
        return name.decode("utf-8")
    except UnicodeDecodeError:
        raise InputError(
            f"{folder}: the file name {name!r} is not UTF-8; rename it (on a cluster: "
            "`convmv -f latin1 -t utf8 --notest`)"
        ) from None


def ids_from_paths(paths: list[str]) -> list[str]:
    """Return the paths' stems where those are unique, else the paths themselves."""
    stems = [_stem(path) for path in paths]
    return stems if len(set(stems)) == len(stems) else paths


def _stem(path: str) -> str:
    """Return a file's name without its suffix, as PurePath's `stem`, in a tenth of the time."""
    name = path.rstrip("/").rpartition("/")[2]
    dot = name.rfind(".")
    return name[:dot] if 0 < dot < len(name) - 1 else name


def in_id_order(clips: list[Clip]) -> list[Clip]:
    """Sort by id: as numbers if all ids are integers, else as text."""
    if all(is_integer(clip.id) for clip in clips):
        return sorted(clips, key=lambda clip: (int(clip.id), clip.id))
    return sorted(clips, key=lambda clip: clip.id)
