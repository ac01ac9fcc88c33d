"""From listed clips to a dataset: the checks that every layout shares."""

import itertools
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from jobs.data.dataset import Dataset, is_integer, lies_outside, ordered_classes
from jobs.data.layouts.lookalikes import near_miss, require_distinct
from jobs.data.manifest import Clip, Manifest
from jobs.data.recordings import RecordingFile, RecordingHashes
from jobs.errors import InputError, quoted
from jobs.plain_text import control_character

SHOWN = 5
# Of a path Linux takes 4,096 bytes; an id may be made of one.
LONGEST = {"path": 4095, "id": 1000, "label": 200, "group": 1000, "class_name": 200}


def verified(
    root: Path, labelled: list[Clip], test: list[Clip], hashes: RecordingHashes, outside: bool
) -> Dataset:
    """Check the listed clips, look at each file once and fill in the hash of its content.

    Raises:
        InputError: see `jobs.data.layouts.read_data`.
    """
    if not labelled:
        raise InputError(f"{root} has no training clips; at least two classes are needed")
    for clip in labelled + test:
        _require_plain_text(clip)
    labelled, test = _below(root, labelled), _below(root, test)
    if not outside:
        _require_all_inside(root, labelled + test)
    _require_unique(labelled + test, "path", lambda clip: clip.path)
    _require_unique(labelled, "id", lambda clip: clip.id)
    _require_unique(test, "id", lambda clip: clip.id)
    require_distinct(_first_of_each(labelled))
    _require_classes(labelled)
    _require_one_class_name(labelled)
    files = [file for clips in (labelled, test) for file in _files(root, clips)]
    hashed = [
        replace(clip, sha256=sha256)
        for clip, sha256 in zip(labelled + test, hashes.of(files), strict=True)
    ]
    count = len(labelled)
    return Dataset(Manifest(root, tuple(hashed[:count])), Manifest(root, tuple(hashed[count:])))


def hashed(root: Path, clips: list[Clip], hashes: RecordingHashes) -> Manifest:
    """Return clips without labels as a manifest, each recording looked at once.

    Raises:
        InputError: a file does not exist, or its name cannot be written in a line.
    """
    found = hashes.of(looked_at(root, clips))
    return Manifest(root, tuple(replace(c, sha256=h) for c, h in zip(clips, found, strict=True)))


def looked_at(root: Path, clips: Sequence[Clip]) -> list[RecordingFile]:
    """Return what the file system says of each clip's file; none is read.

    Raises:
        InputError: see `hashed`.
    """
    for clip in clips:
        _require_plain_text(clip)
    return _files(root, clips)


def _require_plain_text(clip: Clip) -> None:
    """Refuse what no name holds by intention: it could forge lines of a log, or a terminal's."""
    named = {
        "path": clip.path, "id": clip.id, "label": clip.label, "group": clip.group,
        "class_name": clip.class_name,
    }  # fmt: skip
    for what, text in named.items():
        if text is None:
            continue
        if found := control_character(text):
            raise InputError(
                f"{clip.where}: the {what} {quoted(text)} holds the control character {found!r}; "
                "take it out"
            )
        if len(text) > LONGEST[what]:
            raise InputError(
                f"{clip.where}: the {what} {quoted(text)} has {len(text)} characters; at most "
                f"{LONGEST[what]} are allowed"
            )


def _require_all_inside(root: Path, clips: list[Clip]) -> None:
    """Refuse a list that names files elsewhere: it may come from somebody who may not read them."""
    out = [clip for clip in clips if lies_outside(clip)]
    if out:
        raise InputError(
            f"outside of the data folder {root}: {len(out)} of {len(clips)} clips: {_some(out)}. "
            "If that is meant, use --outside (in a grid: `outside: true`)"
        )


def _below(root: Path, clips: list[Clip]) -> list[Clip]:
    """Give each file one spelling, relative to the data folder where it lies below it.

    This keeps absolute paths out of fingerprints, and finds a clip that is listed twice.
    """
    # Texts and not Paths: of a million clips, Paths would take most of a minute.
    inside = os.path.join(root, "")
    found = []
    for clip in clips:
        path = os.path.normpath(inside + clip.path if clip.path[:1] != "/" else clip.path)
        if not path.startswith(inside):
            # The folder itself, spelled through its links, may still hold the file.
            path = os.path.realpath(path)
        path = path.removeprefix(inside)
        found.append(clip if path == clip.path else replace(clip, path=path))
    return found


def _require_unique(listed: list[Clip], what: str, key: Callable[[Clip], str]) -> None:
    first: dict[str, Clip] = {}
    for clip in listed:
        before = first.setdefault(key(clip), clip)
        if before is not clip:
            raise InputError(
                f"{clip.where}: the {what} '{key(clip)}' is already listed at {before.where}; "
                f"each clip needs its own {what}. Remove one of them"
            )


def _require_classes(labelled: list[Clip]) -> None:
    """Refuse labels of which some are integers and some by mistake are not, or all are equal."""
    labels = [str(clip.label) for clip in labelled]
    integers = sum(map(is_integer, labels))
    if 2 * integers > len(labelled) > integers:
        odd = next(clip for clip in labelled if not is_integer(str(clip.label)))
        raise InputError(
            f"{odd.where}: the label '{odd.label}' is not an integer, but {integers} of "
            f"{len(labelled)} labels are. Use integers for all clips, or names for all"
        )
    classes = ordered_classes(labels)
    if integers == len(labelled):
        _require_one_spelling(classes)
    if len(classes) < 2:
        raise InputError(
            f"all {len(labelled)} training clips have the label '{classes[0]}'; "
            "classification needs at least two classes"
        )


def _first_of_each(labelled: list[Clip]) -> Iterator[tuple[str, str]]:
    """Yield each label once, with where it is given first."""
    first: dict[str, str] = {}
    for clip in labelled:
        first.setdefault(str(clip.label), clip.where)
    yield from first.items()


def _require_one_spelling(classes: tuple[str, ...]) -> None:
    for one, other in itertools.pairwise(classes):
        if int(one) == int(other):
            raise InputError(f"the labels '{one}' and '{other}' are the same integer; use one")


def _require_one_class_name(labelled: list[Clip]) -> None:
    names: dict[str, str] = {}
    for clip in labelled:
        if clip.class_name is None:
            continue
        known = names.setdefault(str(clip.label), clip.class_name)
        if known != clip.class_name:
            raise InputError(
                f"{clip.where}: label '{clip.label}' is called '{clip.class_name}' here and "
                f"'{known}' before; a label has one class_name"
            )


def _files(root: Path, clips: Sequence[Clip]) -> list[RecordingFile]:
    """Return what the file system says of each clip's file.

    Raises:
        InputError: some do not exist, or are no files.
    """
    folder = str(root)
    files: list[RecordingFile] = []
    missing: list[Clip] = []
    for clip in clips:
        path = os.path.join(folder, clip.path)
        try:
            status = os.stat(path)
        except OSError:
            missing.append(clip)
            continue
        if not stat.S_ISREG(status.st_mode) and not stat.S_ISDIR(status.st_mode):
            raise InputError(f"{clip.where}: {clip.path!r} is a pipe or a device, not a file")
        inode = (status.st_dev, status.st_ino)
        files.append(RecordingFile(path, status.st_size, status.st_mtime_ns, inode))
    if missing:
        raise InputError(
            f"missing below {root}: {len(missing)} of {len(clips)} clips: {_some(missing)}. "
            f"{_spelled_otherwise(root, missing[0])}Paths are relative to the data folder; put the "
            "files there or take their lines out"
        )
    return files


def _spelled_otherwise(root: Path, clip: Clip) -> str:
    near = near_miss(root, clip.path)
    return f"There is {near!a}: is that what is meant? " if near else ""


def _some(listed: Iterable[Clip]) -> str:
    items = list(listed)
    shown = "; ".join(f"{quoted(item.path)} ({item.where})" for item in items[:SHOWN])
    rest = f"; and {len(items) - SHOWN} more" if len(items) > SHOWN else ""
    return shown + rest
