"""Reading a data folder, in whichever of the three layouts it came, into a Dataset.

A CSV list wins over the competition's layout where it exists; one folder a class comes last.
Training and test clips are looked for independently, so `train.csv` may go with `test_mp3s/`.
"""

import os
from dataclasses import replace
from pathlib import Path

from jobs.data.dataset import Dataset
from jobs.data.layouts import class_folders, competition, csv_manifest
from jobs.data.layouts.config import LayoutConfig
from jobs.data.layouts.left_out import LeftOut
from jobs.data.layouts.listing import is_there
from jobs.data.layouts.lookalikes import differing_in_case
from jobs.data.layouts.ungrouped import notes_on_groups
from jobs.data.layouts.verify import verified
from jobs.data.manifest import Clip
from jobs.data.recordings import RecordingHashes
from jobs.errors import InputError

EXPECTED = (
    "expected train_mp3s/<i>.mp3 with train_label.txt, or train.csv (columns path and label), "
    "or one folder a class: train/<class>/*.mp3; or say in the grid which CSV file it is: "
    "`labels: meta/clips.csv`"
)
AS_OURS = LayoutConfig()
LISTS = (csv_manifest.TRAIN, csv_manifest.TEST, competition.LABELS)


def read_data(
    root: Path, hashes: RecordingHashes | None = None, layout: LayoutConfig = AS_OURS
) -> Dataset:
    """Return the clips of the data folder `root`, checked from end to end and hashed.

    Every mistake that can be seen without decoding audio is found here: a missing clip, a label
    count that differs from the clip count, an empty class, a doubled path or id, a non-integer
    where integers are expected, a name that is not UTF-8 or holds control characters, a path that
    leads out of the data folder, labels that look alike, a link that leads nowhere. What lies there
    and is no clip is told in the dataset's notes.

    Args:
        root: the data folder.
        hashes: what is known of recordings from earlier; None hashes all of them.
        layout: where its lists are, and whether they may name files outside of it.

    Raises:
        InputError: names the file, the line, the value and the remedy.
    """
    root = Path(root).expanduser()
    if not root.is_dir():
        what = "is not a folder" if root.exists() else "does not exist"
        raise InputError(f"the data folder {root} {what}; name yours with --data. {EXPECTED}")
    try:
        str(root.resolve()).encode("utf-8")
        labelled, unused = _labelled(root, layout)
        test, unused_in_test = _test(root)
        hashes = hashes or RecordingHashes()
        dataset = verified(root.resolve(), labelled, test, hashes, layout.outside)
        left_out = LeftOut.of(dataset, [*LISTS, layout.labels or ""])
    except UnicodeEncodeError:
        raise InputError(
            f"the path {os.fsencode(root)!r} is not UTF-8; rename the folder"
        ) from None
    except OSError as error:
        raise InputError(f"the data cannot be read: {error}") from error
    notes = [
        *(_not_used(root / (layout.labels or csv_manifest.TRAIN), unused)),
        *(_not_used(root / csv_manifest.TEST, unused_in_test)),
        *differing_in_case(dataset.classes),
        *notes_on_groups(dataset.labelled.clips, dataset.test.clips),
        *(f"left out: {line}" for line in left_out.lines),
    ]
    return replace(dataset, notes=tuple(notes))


def _labelled(root: Path, layout: LayoutConfig) -> tuple[list[Clip], tuple[str, ...]]:
    """Return the labelled clips, and the columns of their list that are not used."""
    if layout.labels is not None and not is_there(root / layout.labels):
        raise InputError(f"`labels: {layout.labels}` does not exist in {root}")
    if layout.labels is not None or is_there(root / csv_manifest.TRAIN):
        listed = csv_manifest.read_labelled(root, layout)
        return listed.clips, listed.unused
    if is_there(root / competition.TRAIN) or is_there(root / competition.LABELS):
        return competition.read_labelled(root), ()
    if is_there(root / class_folders.TRAIN):
        return class_folders.read_labelled(root), ()
    raise InputError(f"{root} holds no training clips: {EXPECTED}")


def clips_to_test(root: Path) -> list[Clip]:
    """Return the test clips of a data folder in one of the layouts, unchecked; none if it is not.

    Raises:
        InputError: a list of them has a mistake.
    """
    return _test(root)[0]


def _test(root: Path) -> tuple[list[Clip], tuple[str, ...]]:
    if is_there(root / csv_manifest.TEST):
        listed = csv_manifest.read_test(root)
        return listed.clips, listed.unused
    if is_there(root / competition.TEST):
        return competition.read_test(root), ()
    if is_there(root / class_folders.TEST):
        return class_folders.read_test(root), ()
    return [], ()


def _not_used(path: Path, columns: tuple[str, ...]) -> list[str]:
    return [f"{path}: columns that are not used: {', '.join(columns)}"] if columns else []
