"""The competition's layout: train_mp3s/<i>.mp3, train_label.txt, test_mp3s/<i>.mp3."""

from pathlib import Path, PurePosixPath

from jobs.data.dataset import is_integer
from jobs.data.layouts.listing import in_id_order, is_there, sound_files
from jobs.data.manifest import Clip
from jobs.errors import InputError, quoted

HEADERS = frozenset({"label", "labels", "class", "category", "target", "y"})
TRAIN, LABELS, TEST = "train_mp3s", "train_label.txt", "test_mp3s"


def read_labelled(root: Path) -> list[Clip]:
    """List the training clips; the first line of train_label.txt labels 0.mp3.

    Raises:
        InputError: clips and labels do not fit each other, or an id is missing.
    """
    for name in (TRAIN, LABELS):
        if not is_there(root / name):
            there = LABELS if name == TRAIN else TRAIN
            raise InputError(f"{root} has {there} but no {name}; the one labels the other")
    clips = _numbered(root / TRAIN)
    labels = _lines(root / LABELS)
    _refuse_header(root / LABELS, labels)
    _require_same_count(root, clips, labels)
    return [
        Clip(
            path=f"{TRAIN}/{clips[index]}",
            where=f"{root / LABELS}:{index + 1}",
            id=str(index),
            label=label,
        )
        for index, label in enumerate(labels)
    ]


def read_test(root: Path) -> list[Clip]:
    """List the test clips in the order of their numbers; gaps are allowed."""
    folder = root / TEST
    listed = [
        Clip(path=f"{TEST}/{name}", where=str(folder / name), id=str(index))
        for index, name in _numbered(folder).items()
    ]
    return in_id_order(listed)


def _numbered(folder: Path) -> dict[int, str]:
    """Map each clip's number to its file name."""
    numbered: dict[int, str] = {}
    for name in sound_files(folder):
        stem = PurePosixPath(name).stem
        if not is_integer(stem) or int(stem) < 0:
            raise InputError(
                f"{folder / name}: expected <i>.mp3 (or .wav, .flac, ...) with an integer i; got "
                f"{quoted(name)}. Rename it, move it out, or list your clips in train.csv and "
                "test.csv"
            )
        if int(stem) in numbered:
            raise InputError(
                f"{folder}: {numbered[int(stem)]} and {name} both are clip {int(stem)}; keep one"
            )
        numbered[int(stem)] = name
    return numbered


def _lines(path: Path) -> list[str]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        number = path.read_bytes()[: error.start].count(b"\n") + 1
        raise InputError(f"{path}:{number}: not UTF-8; save the file as UTF-8") from None
    lines = [line.strip() for line in text.splitlines()]
    while lines and not lines[-1]:
        lines.pop()
    for number, line in enumerate(lines, start=1):
        if not line:
            raise InputError(
                f"{path}:{number}: empty line; expected the label of clip {number - 1}"
            )
    return lines


def _refuse_header(path: Path, labels: list[str]) -> None:
    """Say it where the first line names a column: every label would move by one clip."""
    first, rest = labels[:1], labels[1:]
    named = [label.lower() for label in first if label not in rest]
    if named and (named[0] in HEADERS or (all(map(is_integer, rest)) and not is_integer(named[0]))):
        raise InputError(
            f"{path}:1: {quoted(first[0])} is a header and no label; the first line is the label "
            "of clip 0. Remove the header"
        )


def _require_same_count(root: Path, clips: dict[int, str], labels: list[str]) -> None:
    missing = [index for index in range(len(labels)) if index not in clips]
    extra = sorted(index for index in clips if index >= len(labels))
    if not missing and not extra:
        return
    counts = f"{root / TRAIN} has {len(clips)} clips and {root / LABELS} has {len(labels)} lines"
    if missing:
        raise InputError(
            f"{counts}: clip {missing[0]} is missing ({TRAIN}/{missing[0]}.mp3, labelled in line "
            f"{missing[0] + 1}){_and_more(missing)}. Put it back, or list the clips you have in "
            "train.csv"
        )
    raise InputError(
        f"{counts}: there is no label for {TRAIN}/{clips[extra[0]]} (expected in line "
        f"{extra[0] + 1}){_and_more(extra)}. Add the labels or move the clips out"
    )


def _and_more(found: list[int]) -> str:
    return f" and {len(found) - 1} more" if len(found) > 1 else ""
