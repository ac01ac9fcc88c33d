"""One folder a class: train/<class>/ and test/ with sound files, in sub-folders too."""

import os
from pathlib import Path

from jobs.data.layouts.listing import ids_from_paths, in_id_order, is_hidden, sound_files
from jobs.data.manifest import Clip
from jobs.errors import InputError

TRAIN, TEST = "train", "test"
EXPECTED = f"{TRAIN}/<class>/*.mp3 (or any other sound)"


def read_labelled(root: Path) -> list[Clip]:
    """List the clips of each class folder, classes and clips in alphabetic order.

    Raises:
        InputError: there is no class folder, or one without a clip.
    """
    paths = sound_files(root / TRAIN)
    loose = next((path for path in paths if "/" not in path), None)
    if loose:
        raise InputError(f"{root / TRAIN / loose} lies in no class folder; expected {EXPECTED}")
    folders = sorted(p for p in (root / TRAIN).iterdir() if p.is_dir() and not is_hidden(p.name))
    if not folders:
        raise InputError(f"{root / TRAIN} has no class folders; expected {EXPECTED}")
    labelled = [(f"{TRAIN}/{path}", path.partition("/")[0]) for path in paths]
    with_clips = {label for _, label in labelled}
    for folder in folders:
        label = _readable(folder)
        if label not in with_clips:
            raise InputError(
                f"class '{label}' is empty: {folder} has no sound file. Add clips or remove it"
            )
    found = sorted(labelled, key=lambda each: each[1])
    ids = ids_from_paths([path for path, _ in found])
    return [
        Clip(path=path, where=str(root / path), id=id_, label=label)
        for (path, label), id_ in zip(found, ids, strict=True)
    ]


def read_test(root: Path) -> list[Clip]:
    """List the test clips in the order of their ids."""
    paths = [f"{TEST}/{name}" for name in sound_files(root / TEST)]
    ids = ids_from_paths(paths)
    listed = [Clip(path=p, where=str(root / p), id=i) for p, i in zip(paths, ids, strict=True)]
    return in_id_order(listed)


def _readable(folder: Path) -> str:
    try:
        return os.fsencode(folder.name).decode("utf-8")
    except UnicodeDecodeError:
        raise InputError(
            f"the folder name {os.fsencode(folder)!r} is not UTF-8; rename it"
        ) from None
