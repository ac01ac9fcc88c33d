"""Recordings are known by their content: SHA-256 of every file, remembered from launch to launch.

Hashing 14,000 clips reads some gigabytes, so what was hashed once is looked up by path, size and
time of change. A cached hash can be wrong only if a file was changed without changing either;
`rehash` looks again.
"""

import csv
import hashlib
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from jobs.errors import InputError
from jobs.files import csv_rows, write_csv
from jobs.ownership import owning
from jobs.progress import Progress

HEADER = ("path", "size", "mtime_ns", "sha256")
FILES_AT_ONCE = 32  # of one thread: a task for each file would cost more than hashing it
READ_BYTES = 1024 * 1024
# A WAV file cannot be larger. A sparse file of 100 GB is made in an instant and read for minutes.
MOST_BYTES_OF_A_RECORDING = 4 * 1024**3
SAVE_EVERY_S = 30.0
# A file may change again within the clock's grain without its time changing: such a young one is
# hashed again next time.
SETTLED_AFTER_NS = 2 * 10**9


class TooMuchToReadError(InputError):
    """More would be read than was allowed here."""

    def __init__(self, files: int, size: int) -> None:
        self.files, self.size = files, size
        super().__init__(f"{files} recordings, {size / 1e9:.1f} GB, would have to be read")


@dataclass(frozen=True, slots=True)
class RecordingFile:
    """A file as the file system describes it; `inode` is the same for links to one file."""

    path: str
    size: int
    mtime_ns: int
    inode: tuple[int, int]

    @property
    def version(self) -> tuple[int, int]:
        """What changes with the content, unless somebody sets the time back."""
        return self.size, self.mtime_ns

    @property
    def is_too_large(self) -> bool:
        """Whether it is no recording for its size alone, and so is not read."""
        return self.size > MOST_BYTES_OF_A_RECORDING


@dataclass
class RecordingHashes:
    """The SHA-256 of recordings, computed in parallel and kept in one CSV file.

    Attributes:
        path: of the CSV file; None keeps nothing.
        rehash: look at every file again.
        may_write: whether to keep what was computed.
        most_bytes: how much may be read; None for any amount.
    """

    path: Path | None = None
    rehash: bool = False
    may_write: bool = True
    most_bytes: int | None = None
    _known: dict[str, tuple[tuple[int, int], str]] = field(default_factory=dict)

    def of(self, files: Sequence[RecordingFile]) -> list[str]:
        """Return the SHA-256 of each file, "" for one that may not be read or is too large.

        One process hashes at a time; others wait for it and then find its results.

        Raises:
            TooMuchToReadError: more than `most_bytes` would be read.
            InputError: a file cannot be read now.
        """
        if not self.rehash:
            self._load()
        if all(self._hash_of(file) or file.is_too_large for file in files):
            return [self._hash_of(file) for file in files]
        if self.path is None or not self.may_write:
            return self._computed(files)
        # The tasks of slurm/extract.sbatch all begin here at the same moment.
        with owning(self.path.with_name(f".{self.path.name}.lock")):
            if not self.rehash:
                self._load()
            return self._computed(files)

    def _hash_of(self, file: RecordingFile) -> str:
        """Return what is known of a file as it is now, "" if nothing is."""
        version, digest = self._known.get(file.path, (None, ""))
        return digest if version == file.version else ""

    def _computed(self, files: Sequence[RecordingFile]) -> list[str]:
        # By inode: a recording that is linked under several names is read once.
        first: dict[tuple[int, int], RecordingFile] = {}
        for file in files:
            if not self._hash_of(file) and not file.is_too_large:
                first.setdefault(file.inode, file)
        missing = list(first.values())
        size = sum(file.size for file in missing)
        if self.most_bytes is not None and size > self.most_bytes:
            raise TooMuchToReadError(len(missing), size)
        found: dict[tuple[int, int], str] = {}
        saved = time.monotonic()
        progress = Progress("hash", len(missing), "recordings")
        for file, digest in progress.over(_hash_all(missing)):
            found[file.inode] = digest
            if time.monotonic() - saved > SAVE_EVERY_S:
                self._keep(files, found)
                saved = time.monotonic()
        self._keep(files, found)
        return [self._hash_of(file) or found.get(file.inode, "") for file in files]

    def _load(self) -> None:
        """Read the CSV file; one that cannot be read is no loss: everything is hashed again."""
        if self.path is None or not self.path.exists():
            return
        try:
            with self.path.open(encoding="utf-8", newline="") as file:
                rows = csv_rows(file)
                if tuple(next(rows, ())) == HEADER:
                    self._known |= {p: ((int(s), int(t)), digest) for p, s, t, digest in rows}
        except (ValueError, csv.Error):
            self._known = {}

    def _keep(self, files: Sequence[RecordingFile], found: dict[tuple[int, int], str]) -> None:
        """Remember what can be trusted next time, beside what is known of other data folders."""
        now = time.time_ns()
        for file in files:
            digest = found.get(file.inode)
            if digest and abs(now - file.mtime_ns) > SETTLED_AFTER_NS:
                self._known[file.path] = file.version, digest
        if self.path is not None and self.may_write:
            rows = ((path, *version, digest) for path, (version, digest) in self._known.items())
            write_csv(self.path, HEADER, rows)


def _hash_all(files: Sequence[RecordingFile]) -> Iterator[tuple[RecordingFile, str]]:
    """Yield each file and its hash; reading and hashing leave Python's lock to each other."""
    from joblib import Parallel, delayed

    groups = [files[n : n + FILES_AT_ONCE] for n in range(0, len(files), FILES_AT_ONCE)]
    cpus = len(os.sched_getaffinity(0))
    hashed = Parallel(n_jobs=cpus, prefer="threads", return_as="generator")(
        delayed(_hash_group)(group) for group in groups
    )
    for group, digests in zip(groups, hashed, strict=True):
        yield from zip(group, digests, strict=True)


def _hash_group(files: Sequence[RecordingFile]) -> list[str]:
    return [sha256_of(file.path) for file in files]


def sha256_of(path: str) -> str:
    """Return the SHA-256 of a file in hexadecimal digits, "" if it may not be read.

    Raises:
        InputError: it cannot be read now.
    """
    digest = hashlib.sha256()
    try:
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - a million Paths take a minute
            while piece := file.read(READ_BYTES):
                digest.update(piece)
    except (PermissionError, IsADirectoryError):
        return ""  # it goes to quarantine, with the reason
    except OSError as error:
        raise InputError(f"{path} cannot be read now: {error.strerror}; try again") from None
    return digest.hexdigest()
