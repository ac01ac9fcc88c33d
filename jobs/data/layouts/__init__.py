"""Reading a data folder, in whichever of the three layouts it came, into a Dataset.

CSV manifests win over the competition's layout where they exist; one folder a class comes last.
Training and test clips are looked for independently, so `train.csv` may go with `test_mp3s/`.
"""

import os
from pathlib import Path

from jobs.data.dataset import Dataset
from jobs.data.layouts import class_folders, competition, csv_manifest
from jobs.data.layouts.verify import verified
from jobs.data.manifest import Clip
from jobs.data.recordings import RecordingHashes
from jobs.errors import InputError

EXPECTED = (
    "expected train_mp3s/<i>.mp3 with train_label.txt, or train.csv (columns path and label), "
    "or one folder a class: train/<class>/*.mp3"
)


def read_data(root: Path, hashes: RecordingHashes | None = None, outside: bool = False) -> Dataset:
    """Return the clips of the data folder `root`, checked from end to end and hashed.

    Every mistake that can be seen without decoding audio is found here: a missing clip, a label
    count that differs from the clip count, an empty class, a doubled path or id, a non-integer
    where integers are expected, a name that is not UTF-8 or holds control characters, a path that
    leads out of the data folder.

    Args:
        root: the data folder.
        hashes: what is known of recordings from earlier; None hashes all of them.
        outside: allow a manifest to list files that lie outside of the data folder.

    Raises:
        InputError: names the file, the line, the value and the remedy.
    """
    root = Path(root)
    if not root.is_dir():
        what = "is not a folder" if root.exists() else "does not exist"
        raise InputError(f"the data folder {root} {what}; name yours with --data. {EXPECTED}")
    try:
        str(root.resolve()).encode("utf-8")
        hashes = hashes or RecordingHashes()
        return verified(root.resolve(), _labelled(root), _test(root), hashes, outside)
    except UnicodeEncodeError:
        raise InputError(
            f"the path {os.fsencode(root)!r} is not UTF-8; rename the folder"
        ) from None
    except OSError as error:
        raise InputError(f"the data cannot be read: {error}") from error


def _labelled(root: Path) -> list[Clip]:
    if (root / csv_manifest.TRAIN).exists():
        return csv_manifest.read_labelled(root)
    if (root / competition.TRAIN).exists() or (root / competition.LABELS).exists():
        return competition.read_labelled(root)
    if (root / class_folders.TRAIN).is_dir():
        return class_folders.read_labelled(root)
    raise InputError(f"{root} holds no training clips: {EXPECTED}")


def _test(root: Path) -> list[Clip]:
    if (root / csv_manifest.TEST).exists():
        return csv_manifest.read_test(root)
    if (root / competition.TEST).is_dir():
        return competition.read_test(root)
    if (root / class_folders.TEST).is_dir():
        return class_folders.read_test(root)
    return []
