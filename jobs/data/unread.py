"""Clips of a kind that no decoder here reads: told before any job waits in a queue for them."""

import shlex
from collections import Counter
from dataclasses import dataclass
from pathlib import PurePosixPath

from jobs.data.dataset import Dataset
from jobs.data.file_kind import FileKind, head_of, unread_kind

# Of a million clips so many are looked at, evenly spread.
LOOKED_AT = 1000
WORTH_SAYING = 0.1


@dataclass(frozen=True)
class UnreadClips:
    """Many clips of one kind that is not read.

    Attributes:
        kind: what they are.
        found: how many of those that were looked at.
        looked_at: how many.
        suffixes: of their names, the most frequent first.
    """

    kind: FileKind
    found: int
    looked_at: int
    suffixes: tuple[str, ...]

    @property
    def share(self) -> float:
        return self.found / self.looked_at

    def sentence(self, dataset: Dataset) -> str:
        """Return what they are and how to mend all of them at once."""
        said = (
            f"{self.found} of {self.looked_at} clips looked at are each {self.kind.name}, "
            "which the decoder does not read"
        )
        if not self.kind.is_sound:
            return f"{said}{self.kind.remedy}"
        names = " -o ".join(f"-name {shlex.quote(f'*{suffix}')}" for suffix in self.suffixes)
        each = 'ffmpeg -nostdin -i "$1" "${1%.*}.flac" && rm "$1"'
        return (
            f"{said}. This converts them: find {shlex.quote(str(dataset.root))} -type f "
            f"\\( {names} \\) -exec sh -c {shlex.quote(each)} - {{}} \\; (then name the new files "
            "where a list names the old ones)"
        )


def find_unread(dataset: Dataset) -> UnreadClips | None:
    """Return the most frequent kind that is not read, if a tenth of the clips is of it.

    Raises:
        OSError: a file cannot be read now.
    """
    files = [(side, position) for side in dataset.sides.values() for position in range(len(side))]
    seen = files[:: -(-len(files) // LOOKED_AT)]
    kinds: Counter[FileKind] = Counter()
    suffixes: dict[FileKind, Counter[str]] = {}
    for side, position in seen:
        if not side.clips[position].sha256:
            continue  # it may not be read
        if kind := unread_kind(head_of(side.file_of(position))):
            kinds[kind] += 1
            suffix = PurePosixPath(side.clips[position].path).suffix
            suffixes.setdefault(kind, Counter())[suffix] += 1
    for kind, found in kinds.most_common(1):
        if found >= WORTH_SAYING * len(seen):
            names = tuple(suffix for suffix, _ in suffixes[kind].most_common())
            return UnreadClips(kind, found, len(seen), names)
    return None
