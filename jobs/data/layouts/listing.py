"""What the layouts share: which files are clips, what their ids are, in which order they come."""

import os
from pathlib import Path, PurePosixPath

from jobs.data.dataset import is_integer
from jobs.data.manifest import Clip
from jobs.errors import InputError

AUDIO_SUFFIX = ".mp3"


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


def ids_from_paths(paths: list[str]) -> list[str]:
    """Return the paths' stems where those are unique, else the paths themselves."""
    stems = [PurePosixPath(path).stem for path in paths]
    return stems if len(set(stems)) == len(stems) else paths


def in_id_order(clips: list[Clip]) -> list[Clip]:
    """Sort by id: as numbers if all ids are integers, else as text."""
    if all(is_integer(clip.id) for clip in clips):
        return sorted(clips, key=lambda clip: (int(clip.id), clip.id))
    return sorted(clips, key=lambda clip: clip.id)
