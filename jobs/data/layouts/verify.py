"""From listed clips to a manifest: the checks that every layout shares."""

import itertools
import os
import stat
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from jobs.data.layouts.listing import Listed, is_integer
from jobs.data.manifest import Clip, Manifest
from jobs.errors import InputError

SHOWN = 5


def to_manifest(root: Path, labelled: list[Listed], test: list[Listed]) -> Manifest:
    """Check the listed clips and look at each file once.

    Raises:
        InputError: see `jobs.data.layouts.read_data`.
    """
    if not labelled:
        raise InputError(f"{root} has no training clips; at least two classes are needed")
    labelled = [_below(root, clip) for clip in labelled]
    test = [_below(root, clip) for clip in test]
    _require_unique(labelled + test, "path", lambda clip: clip.path)
    _require_unique(labelled, "id", lambda clip: clip.id)
    _require_unique(test, "id", lambda clip: clip.id)
    classes = _classes(labelled)
    return Manifest(
        root=root,
        labelled=_clips(root, labelled),
        test=_clips(root, test),
        classes=classes,
        class_names=_class_names(labelled),
    )


def _below(root: Path, clip: Listed) -> Listed:
    """Give each file one spelling, relative to the data folder where it lies below it.

    This keeps absolute paths out of fingerprints, and finds a clip that is listed twice.
    """
    if "\0" in clip.path:
        raise InputError(f"{clip.where}: the path holds a NUL character, which no file name has")
    # Texts and not Paths: of a million clips, Paths would take most of a minute.
    inside = os.path.join(root, "")
    path = os.path.normpath(os.path.join(root, clip.path))
    if not path.startswith(inside):
        # The folder itself, spelled through its links, may still hold the file.
        path = os.path.realpath(path)
    return replace(clip, path=path.removeprefix(inside))


def _require_unique(listed: list[Listed], what: str, key: Callable[[Listed], str]) -> None:
    first: dict[str, Listed] = {}
    for clip in listed:
        before = first.setdefault(key(clip), clip)
        if before is not clip:
            raise InputError(
                f"{clip.where}: the {what} '{key(clip)}' stands already at {before.where}; "
                f"each clip needs its own {what}. Remove one of them"
            )


def _classes(labelled: list[Listed]) -> tuple[str, ...]:
    """Return the class list: integers in numeric order, names in alphabetic order."""
    labels = {str(clip.label) for clip in labelled}
    integers = [clip for clip in labelled if is_integer(str(clip.label))]
    if len(integers) == len(labelled):
        classes = sorted(labels, key=lambda label: (int(label), label))
        _require_one_spelling(classes)
    elif 2 * len(integers) > len(labelled):
        odd = next(clip for clip in labelled if not is_integer(str(clip.label)))
        raise InputError(
            f"{odd.where}: the label '{odd.label}' is not an integer, but {len(integers)} of "
            f"{len(labelled)} labels are. Use integers for all clips, or names for all"
        )
    else:
        classes = sorted(labels)
    if len(classes) < 2:
        raise InputError(
            f"all {len(labelled)} training clips have the label '{classes[0]}'; "
            "classification needs at least two classes"
        )
    return tuple(classes)


def _require_one_spelling(classes: list[str]) -> None:
    for one, other in itertools.pairwise(classes):
        if int(one) == int(other):
            raise InputError(f"the labels '{one}' and '{other}' are the same integer; use one")


def _class_names(labelled: list[Listed]) -> dict[str, str]:
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
    return names


def _clips(root: Path, listed: list[Listed]) -> tuple[Clip, ...]:
    clips: list[Clip] = []
    missing: list[Listed] = []
    for item in listed:
        file = os.path.join(root, item.path)
        try:
            status = os.stat(file)
        except OSError:
            missing.append(item)
            continue
        if not stat.S_ISREG(status.st_mode) and not stat.S_ISDIR(status.st_mode):
            raise InputError(f"{item.where}: {item.path!r} is a pipe or a device, not a file")
        clips.append(
            Clip(
                id=item.id,
                path=item.path,
                size=status.st_size,
                # A file that may not be read goes to quarantine. Once it may be, it counts as
                # another recording and is extracted: permissions change no time of change.
                mtime_ns=status.st_mtime_ns if _may_read(file) else 0,
                label=item.label,
                group=item.group,
                fold=item.fold,
            )
        )
    if missing:
        raise InputError(
            f"{len(missing)} of {len(listed)} clips do not exist below {root}: {_some(missing)}. "
            "Paths are relative to the data folder; put the files there or take their lines out"
        )
    return tuple(clips)


def _may_read(file: str) -> bool:
    # By default access() asks for the real user, not for the one that we act as.
    return os.access(file, os.R_OK, effective_ids=os.access in os.supports_effective_ids)


def _some(listed: Iterable[Listed]) -> str:
    items = list(listed)
    shown = "; ".join(f"{item.path!r} ({item.where})" for item in items[:SHOWN])
    rest = f"; and {len(items) - SHOWN} more" if len(items) > SHOWN else ""
    return shown + rest
