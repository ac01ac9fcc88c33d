"""Everything that one data folder holds: labelled clips, test clips, classes."""

import csv
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from jobs.data.manifest import Clip, Manifest
from jobs.errors import DamagedFileError
from jobs.files import csv_rows, write_csv

HEADER = ("subset", "id", "path", "sha256", "label", "group", "fold", "class_name")
LABELLED, TEST = "labelled", "test"
MAX_DIGITS = 100  # Python refuses to read integers of thousands


def lies_outside(clip: Clip) -> bool:
    """Return whether a clip's file lies outside of its data folder."""
    return clip.path.startswith("/")


def is_integer(text: str) -> bool:
    """Return whether `text` is an integer as a person writes one."""
    digits = text[1:] if text[:1] in "+-" else text
    return digits.isascii() and digits.isdigit() and len(digits) < MAX_DIGITS


def ordered_classes(labels: Iterable[str]) -> tuple[str, ...]:
    """Return the distinct labels: integers in numeric order, names in alphabetic order."""
    distinct = set(labels)
    if all(is_integer(label) for label in distinct):
        return tuple(sorted(distinct, key=lambda label: (int(label), label)))
    return tuple(sorted(distinct))


@dataclass(frozen=True)
class Dataset:
    """The labelled and the test clips of one data folder, as `manifest.csv`.

    Ids are unique only within a side (the competition has a 0.mp3 in both). A class index points
    into `classes`, which are the labels as they came in. `notes` say what else was seen while the
    folder was read, and are not saved.
    """

    labelled: Manifest
    test: Manifest
    notes: tuple[str, ...] = field(default=(), compare=False)

    @property
    def root(self) -> Path:
        return self.labelled.root

    def __len__(self) -> int:
        return len(self.labelled) + len(self.test)

    @property
    def sides(self) -> dict[str, Manifest]:
        """The manifests that hold clips, by their name: labelled, test."""
        both = {LABELLED: self.labelled, TEST: self.test}
        return {name: manifest for name, manifest in both.items() if len(manifest)}

    @cached_property
    def classes(self) -> tuple[str, ...]:
        return ordered_classes(str(clip.label) for clip in self.labelled.clips)

    @cached_property
    def class_names(self) -> dict[str, str]:
        """What labels are called, of those that are called anything."""
        return {str(c.label): c.class_name for c in self.labelled.clips if c.class_name}

    @cached_property
    def class_index(self) -> dict[str, int]:
        return {label: index for index, label in enumerate(self.classes)}

    def labels(self, positions: Iterable[int]) -> list[int]:
        """Return the class index of each labelled clip in `positions`."""
        return [self.class_index[str(self.labelled.clips[p].label)] for p in positions]

    def part(self, positions: Iterable[int]) -> "Dataset":
        """Return the dataset with some of the labelled clips only, in that order."""
        clips = tuple(self.labelled.clips[p] for p in positions)
        return replace(self, labelled=Manifest(self.root, clips))

    def counts(self, positions: Iterable[int]) -> dict[str, int]:
        """Return how many of some labelled clips have each label, in class order."""
        counted = Counter(self.labelled.clips[p].label for p in positions)
        return {label: counted[label] for label in self.classes}

    @cached_property
    def class_counts(self) -> dict[str, int]:
        """Labelled clips of each class, in class order."""
        return self.counts(range(len(self.labelled)))

    @property
    def majority_class(self) -> str:
        """The label with most labelled clips: what an unreadable test clip gets."""
        return max(self.class_counts, key=lambda label: self.class_counts[label])

    @cached_property
    def labelled_fingerprint(self) -> str:
        """Changes with any labelled recording, label, group, fold and the order."""
        return self.labelled.described_by([c.label, c.group, c.fold] for c in self.labelled.clips)

    @property
    def outside(self) -> int:
        """How many clips lie outside of the data folder."""
        return sum(lies_outside(clip) for side in self.sides.values() for clip in side.clips)

    def save(self, path: Path) -> None:
        """Write all clips as one CSV file, the labelled ones first."""
        write_csv(path, HEADER, _rows(self))

    @classmethod
    def load(cls, path: Path, root: Path) -> "Dataset":
        """Read what `save` wrote.

        Raises:
            DamagedFileError: the file is not one of ours.
        """
        sides: dict[str, list[Clip]] = {LABELLED: [], TEST: []}
        try:
            with path.open(encoding="utf-8", newline="") as file:
                reader = csv_rows(file)
                if tuple(next(reader)) != HEADER:
                    raise ValueError("another header")
                for subset, *cells in reader:
                    sides[subset].append(_clip(cells))
        except (KeyError, ValueError, TypeError, StopIteration, csv.Error) as error:
            raise DamagedFileError(
                f"{path} cannot be read ({error!r}); launch again to write it anew"
            ) from error
        labelled, test = (Manifest(root, tuple(clips)) for clips in sides.values())
        return cls(labelled, test)


def _rows(dataset: Dataset) -> Iterator[tuple[object, ...]]:
    for subset, manifest in dataset.sides.items():
        for c in manifest.clips:
            # A label is never the empty string, so an empty cell always means "none".
            label, group, name = c.label or "", c.group or "", c.class_name or ""
            yield subset, c.id, c.path, c.sha256, label, group, c.fold, name


def _clip(cells: Sequence[str]) -> Clip:
    id_, path, sha256, label, group, fold, class_name = cells
    return Clip(
        id=id_,
        path=path,
        sha256=sha256,
        label=label or None,
        group=group or None,
        fold=int(fold) if fold else None,
        class_name=class_name or None,
    )
