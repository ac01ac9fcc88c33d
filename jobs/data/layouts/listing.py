"""A clip as a layout lists it, before anybody has looked at the file."""

import os
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from jobs.errors import InputError

AUDIO_SUFFIX = ".mp3"
MAX_DIGITS = 100  # Python refuses to read integers of thousands


@dataclass(frozen=True, slots=True)
class Listed:
    """One row of a listing; `where` is the file and line that a message should name."""

    path: str
    where: str
    id: str
    label: str | None = None
    class_name: str | None = None
    group: str | None = None
    fold: int | None = None


def audio_files(folder: Path) -> list[str]:
    """Return the names of the MP3 files of `folder`, hidden ones left out, in byte order.

    Raises:
        InputError: a name is not UTF-8, so that no CSV file could hold it.
    """
    names = []
    for entry in sorted(os.fsencode(name) for name in os.listdir(folder)):  # noqa: PTH208
        lowered = entry.lower()
        if entry.startswith(b".") or not lowered.endswith(AUDIO_SUFFIX.encode()):
            continue
        try:
            names.append(entry.decode("utf-8"))
        except UnicodeDecodeError:
            raise InputError(
                f"{folder}: the file name {entry!r} is not UTF-8; rename it (on a cluster: "
                "`convmv -f latin1 -t utf8 --notest`)"
            ) from None
    return names


def is_integer(text: str) -> bool:
    """Tell whether `text` is an integer as a person writes one."""
    digits = text[1:] if text[:1] in "+-" else text
    return digits.isascii() and digits.isdigit() and len(digits) < MAX_DIGITS


def ids_from_paths(paths: list[str]) -> list[str]:
    """Return the paths' stems where those are unique, else the paths themselves."""
    stems = [PurePosixPath(path).stem for path in paths]
    return stems if len(set(stems)) == len(stems) else paths


def in_id_order(listed: list[Listed]) -> list[Listed]:
    """Sort by id: as numbers if all ids are integers, else as text."""
    if all(is_integer(clip.id) for clip in listed):
        return sorted(listed, key=lambda clip: (int(clip.id), clip.id))
    return sorted(listed, key=lambda clip: clip.id)
