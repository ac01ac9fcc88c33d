"""The ordered clips and the class list: the only authority on ids, labels and order."""

import csv
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from jobs.errors import DamagedFileError
from jobs.files import write_csv
from jobs.schema import fingerprint

HEADER = ("subset", "id", "path", "size", "mtime_ns", "label", "group", "fold")
LABELLED, TEST = "labelled", "test"


@dataclass(frozen=True, slots=True)
class Clip:
    """One recording.

    `path` is relative to the data folder where the file lies below it. `label` is None for a
    test clip and otherwise the text that the user gave. Clips of one `group` (a singer, a
    source recording) never stand on both sides of the split.
    """

    id: str
    path: str
    size: int
    mtime_ns: int
    label: str | None = None
    group: str | None = None
    fold: int | None = None

    @property
    def subset(self) -> str:
        return TEST if self.label is None else LABELLED


@dataclass(frozen=True)
class Manifest:
    """All clips of one data folder: the labelled ones first, then the test clips.

    A clip is known by its position in `clips`; ids are unique only within a subset (the
    competition has a 0.mp3 in both). `classes` are the labels as they came in, integers in
    numeric and names in alphabetic order; a class index points into it.
    """

    root: Path
    labelled: tuple[Clip, ...]
    test: tuple[Clip, ...]
    classes: tuple[str, ...]
    class_names: dict[str, str] = field(default_factory=dict)

    @cached_property
    def clips(self) -> tuple[Clip, ...]:
        return self.labelled + self.test

    def __len__(self) -> int:
        return len(self.labelled) + len(self.test)

    def file_of(self, position: int) -> Path:
        """Return where the recording of the clip at `position` lies."""
        return self.root / self.clips[position].path

    @cached_property
    def class_index(self) -> dict[str, int]:
        return {label: index for index, label in enumerate(self.classes)}

    def labels(self, positions: Sequence[int]) -> list[int]:
        """Return the class index of each labelled clip in `positions`."""
        return [self.class_index[str(self.labelled[position].label)] for position in positions]

    @cached_property
    def class_counts(self) -> dict[str, int]:
        """Labelled clips of each class, in class order."""
        counted = Counter(clip.label for clip in self.labelled)
        return {label: counted[label] for label in self.classes}

    @property
    def majority_class(self) -> str:
        """The label with most labelled clips: what an unreadable test clip gets."""
        return max(self.class_counts, key=lambda label: self.class_counts[label])

    @cached_property
    def labelled_fingerprint(self) -> str:
        """Changes when any labelled recording, label, group, fold or the order changes."""
        described = [[*_identity(c), c.label, c.group, c.fold] for c in self.labelled]
        return fingerprint([list(self.classes), described])

    @cached_property
    def test_fingerprint(self) -> str:
        """Changes when any test recording, id or the order changes."""
        return fingerprint([_identity(clip) for clip in self.test])

    @cached_property
    def audio_fingerprint(self) -> str:
        """Changes when any recording or the order changes; labels do not matter to features."""
        return fingerprint([[c.subset, *_identity(c)] for c in self.clips])

    def save(self, path: Path) -> None:
        """Write the clips as CSV; the class list is written by whoever saves the manifest."""
        rows = (
            (c.subset, c.id, c.path, c.size, c.mtime_ns, _text(c.label), _text(c.group), c.fold)
            for c in self.clips
        )
        write_csv(path, HEADER, rows)

    @classmethod
    def load(
        cls, path: Path, root: Path, classes: Sequence[str], class_names: dict[str, str]
    ) -> "Manifest":
        """Read what `save` wrote.

        Raises:
            DamagedFileError: the file is not one of ours.
        """
        subsets: dict[str, list[Clip]] = {LABELLED: [], TEST: []}
        try:
            with path.open(encoding="utf-8", newline="") as file:
                for row in csv.DictReader(file):
                    subsets[row["subset"]].append(_clip(row))
        except (KeyError, ValueError, TypeError) as error:
            raise DamagedFileError(
                f"{path} cannot be read ({error!r}); launch again to write it anew"
            ) from error
        labelled, test = tuple(subsets[LABELLED]), tuple(subsets[TEST])
        return cls(root, labelled, test, tuple(classes), dict(class_names))


def _identity(clip: Clip) -> list[object]:
    return [clip.id, clip.path, clip.size, clip.mtime_ns]


def _text(value: str | None) -> str:
    # A label may be the empty string nowhere, so an empty cell always means "none".
    return "" if value is None else value


def _clip(row: dict[str, str]) -> Clip:
    labelled = row["subset"] == LABELLED
    return Clip(
        id=row["id"],
        path=row["path"],
        size=int(row["size"]),
        mtime_ns=int(row["mtime_ns"]),
        label=row["label"] if labelled else None,
        group=row["group"] or None,
        fold=int(row["fold"]) if row["fold"] else None,
    )
