"""duplicates.csv: the recordings that occur more than once, one row each."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jobs.data.manifest import Clip
from jobs.errors import DamagedFileError
from jobs.files import csv_rows, write_csv

if TYPE_CHECKING:  # a login node reads the file, and compares no clips
    from jobs.audit.clusters import Cluster

DUPLICATES = "duplicates.csv"
HEADER = (
    *("recording", "kind", "clips", "where", "labels", "groups", "similarity", "shift_s", "paths"),
)


@dataclass(frozen=True)
class Recording:
    """One recording that occurs more than once.

    Attributes:
        kind: exact, near or overlap.
        paths: of its clips.
    """

    kind: str
    paths: tuple[str, ...]


def save_recordings(folder: Path, clips: Sequence[Clip], clusters: "Sequence[Cluster]") -> None:
    """Write the file; lists in a cell have a line for each value."""
    rows = (_row(clips, *each) for each in enumerate(clusters, 1))
    write_csv(folder / DUPLICATES, HEADER, rows)


def load_recordings(folder: Path) -> list[Recording]:
    """Read what `save_recordings` wrote.

    Raises:
        DamagedFileError: it is not one of ours.
        FileNotFoundError: there is none.
    """
    path = folder / DUPLICATES
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return list(_recordings(csv_rows(file)))
    except (ValueError, StopIteration, csv.Error) as error:
        raise DamagedFileError(f"{path} cannot be read ({error!r}); audit again") from error


def _recordings(rows: Iterator[list[str]]) -> Iterator[Recording]:
    header = next(rows, [])
    if tuple(header) != HEADER:
        raise ValueError("another header")
    for row in rows:
        cells = dict(zip(HEADER, row, strict=True))
        yield Recording(cells["kind"], tuple(cells["paths"].split("\n")))


def _row(clips: Sequence[Clip], number: int, each: "Cluster") -> list[Any]:
    labels = "\n".join(each.labels(clips))
    groups = "\n".join(sorted({clips[p].group or "" for p in each.positions} - {""}))
    paths = "\n".join(clips[p].path for p in each.positions)
    about = [number, each.kind, len(each.positions), each.where(clips), labels, groups]
    return [*about, float(f"{each.similarity:.6g}"), float(f"{each.shift_s:.6g}"), paths]
