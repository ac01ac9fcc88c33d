"""One folder a class: train/<class>/*.mp3 and test/*.mp3."""

import os
from pathlib import Path

from jobs.data.layouts.listing import audio_files, ids_from_paths, in_id_order
from jobs.data.manifest import Clip
from jobs.errors import InputError

TRAIN, TEST = "train", "test"


def read_labelled(root: Path) -> list[Clip]:
    """List the clips of each class folder, classes and clips in alphabetic order.

    Raises:
        InputError: there is no class folder, or one without a clip.
    """
    loose = audio_files(root / TRAIN)
    if loose:
        raise InputError(
            f"{root / TRAIN / loose[0]} lies in no class folder; expected {TRAIN}/<class>/*.mp3"
        )
    folders = sorted(p for p in (root / TRAIN).iterdir() if p.is_dir() and p.name[0] != ".")
    if not folders:
        raise InputError(f"{root / TRAIN} has no class folders; expected {TRAIN}/<class>/*.mp3")
    found: list[tuple[str, str]] = []
    for folder in folders:
        label = _readable(folder)
        names = audio_files(folder)
        if not names:
            raise InputError(
                f"class '{label}' is empty: {folder} has no .mp3 file. Add clips or remove it"
            )
        found += [(f"{TRAIN}/{label}/{name}", label) for name in names]
    ids = ids_from_paths([path for path, _ in found])
    return [
        Clip(path=path, where=str(root / path), id=id_, label=label)
        for (path, label), id_ in zip(found, ids, strict=True)
    ]


def read_test(root: Path) -> list[Clip]:
    """List the test clips in the order of their ids."""
    paths = [f"{TEST}/{name}" for name in audio_files(root / TEST)]
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
