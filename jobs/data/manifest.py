"""Clips in one order: the only authority on ids, labels and positions."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from jobs.schema import fingerprint


@dataclass(frozen=True, slots=True)
class Clip:
    """One recording, from the row that lists it to the features that are made of it.

    Attributes:
        id: as in the submission.
        path: relative to the data folder where the file lies below it.
        sha256: of the file's bytes; "" if they may not be read. A recording is known by it: a
            copy is the same recording, a changed byte makes another one.
        label: as the user wrote it; None for a test clip.
        group: a singer, a source recording: never on both sides of a split.
        fold: of the user's own folds.
        class_name: what the label is called in words.
        where: the file and line that list the clip, for messages.
    """

    id: str
    path: str
    sha256: str = ""
    label: str | None = None
    group: str | None = None
    fold: int | None = None
    class_name: str | None = None
    where: str = field(default="", compare=False)


@dataclass(frozen=True)
class Manifest:
    """Clips of one data folder in one order; a clip is known by its position.

    Labelled and test clips have a manifest each (see `jobs.data.dataset.Dataset`), so that a new
    test clip moves no labelled one.
    """

    root: Path
    clips: tuple[Clip, ...]

    def __len__(self) -> int:
        return len(self.clips)

    def file_of(self, position: int) -> Path:
        """Return where the recording of the clip at `position` lies."""
        return self.root / self.clips[position].path

    @cached_property
    def ids(self) -> list[str]:
        return [clip.id for clip in self.clips]

    @cached_property
    def fingerprint(self) -> str:
        """Changes with any recording, any id and the order; not with labels or with paths."""
        # Ids are in it because predictions and shards carry them; paths are not, so that a data
        # folder may be moved, copied or sorted into sub-folders.
        return fingerprint([[clip.id, clip.sha256] for clip in self.clips])

    def described_by(self, values: Iterable[object]) -> str:
        """Return a fingerprint of the clips together with one value for each of them."""
        return fingerprint([self.fingerprint, list(values)])
