"""CSV lists: train.csv (path, label; id, class_name, group, fold) and test.csv (path; id).

The labelled clips may stand in a CSV file of another name with other columns, see LayoutConfig.
"""

import csv
import difflib
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from jobs.data.dataset import is_integer
from jobs.data.layouts.config import Column, LayoutConfig
from jobs.data.layouts.listing import ids_from_paths
from jobs.data.manifest import Clip
from jobs.errors import InputError, quoted

TRAIN, TEST = "train.csv", "test.csv"
COLUMNS: tuple[Column, ...] = ("path", "label", "id", "class_name", "group", "fold")
# So like a name of ours that it must be one, misspelled: labels, Path, folds. Not: target, source.
NEAR_MISS = 0.8


@dataclass(frozen=True)
class ListedClips:
    """The rows of a list, and the columns of it that are not used."""

    clips: list[Clip]
    unused: tuple[str, ...] = ()


def read_labelled(root: Path, layout: LayoutConfig) -> ListedClips:
    """List the rows of train.csv, or of the file that `layout` names, in their order.

    Raises:
        InputError: a column is missing, or a value is not what its column holds.
    """
    table = _Table(root / (layout.labels or TRAIN), layout.columns, ("path", "label"))
    return table.listed(layout)


def read_test(root: Path) -> ListedClips:
    """List the rows of test.csv in their order."""
    return _Table(root / TEST, {}, ("path",)).listed(LayoutConfig())


def read_clips(path: Path) -> list[Clip]:
    """List the rows of a CSV file of clips without labels, in their order: path, and perhaps id."""
    return _Table(path, {}, ("path",)).listed(LayoutConfig()).clips


class _Table:
    """A CSV file with a header; `columns` are its names of ours where they differ."""

    def __init__(
        self, path: Path, columns: Mapping[Column, str], required: tuple[Column, ...]
    ) -> None:
        self.path, self.required = path, required
        self.theirs = {name: columns.get(name, name) for name in COLUMNS}
        self.said = columns
        text = _text(path)
        self._reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        self.header = self._checked_header()

    def listed(self, layout: LayoutConfig) -> ListedClips:
        """Return a clip for each row."""
        rows = list(self._rows())
        used = {name: theirs for name, theirs in self.theirs.items() if theirs in self.header}
        of_ours = [
            ({name: row[theirs] for name, theirs in used.items()}, line, row) for line, row in rows
        ]
        try:
            paths = [layout.path_of(row, ours["path"]) for ours, _, row in of_ours]
        except KeyError as error:
            raise InputError(
                f"{self.path}:1: `audio: {layout.audio}` names the column {error}; there is "
                f"{', '.join(self.header)}"
            ) from None
        ids = ids_from_paths(paths)
        clips = [
            self._clip(ours, path, ours.get("id") or default, line)
            for (ours, line, _), path, default in zip(of_ours, paths, ids, strict=True)
        ]
        unused = (name for name in self.header if name not in used.values())
        return ListedClips(
            clips, tuple(name for name in unused if f"{{{name}}}" not in layout.audio)
        )

    def _clip(self, ours: Mapping[Column, str], path: str, id_: str, line: int) -> Clip:
        where = f"{self.path}:{line}"
        return Clip(
            path=path,
            where=where,
            id=id_,
            label=ours["label"] if "label" in self.required else None,
            class_name=ours.get("class_name") or None,
            group=ours.get("group") or None,
            fold=_fold(ours.get("fold", ""), where),
        )

    def _rows(self) -> Iterator[tuple[int, dict[str, str]]]:
        """Yield (line, row) with every cell stripped; blank lines are skipped."""
        path, reader, header = self.path, self._reader, self.header
        try:
            for cells in reader:
                if not any(cell.strip() for cell in cells):
                    continue
                if len(cells) != len(header):
                    raise InputError(
                        f"{path}:{reader.line_num}: {len(cells)} columns where the header has "
                        f"{len(header)}; quote a value that contains a comma"
                    )
                row = dict(zip(header, cells, strict=True))
                # A path may begin or end with a space; nothing else may.
                row = {n: v if n == self.theirs["path"] else v.strip() for n, v in row.items()}
                for name in self.required:
                    if not row[self.theirs[name]]:
                        raise InputError(f"{path}:{reader.line_num}: the {name} is empty")
                yield reader.line_num, row
        except csv.Error as error:
            raise InputError(f"{path}:{reader.line_num}: not valid CSV: {error}") from None

    def _checked_header(self) -> list[str]:
        path = self.path
        try:
            header = [name.strip() for name in next(self._reader, [])]
        except csv.Error as error:
            raise InputError(f"{path}:1: not valid CSV: {error}") from None
        if len(set(header)) < len(header):
            raise InputError(f"{path}:1: a column appears twice in {quoted(', '.join(header))}")
        got = quoted(", ".join(header)) if header else "an empty file"
        for name in dict.fromkeys((*self.said, *self.required)):
            theirs = self.theirs[name]
            if theirs in header:
                continue
            near = difflib.get_close_matches(theirs, header, n=1, cutoff=0.6)
            asked = f" (`columns: {{{name}: {theirs}}}`)" if name in self.said else ""
            hint = f"did you mean '{near[0]}'?" if near else f"got {got}."
            raise InputError(
                f"{path}:1: no column '{theirs}'{asked}; {hint} Expected are {', '.join(COLUMNS)}; "
                "or say in the grid what yours are called: `columns: {path: filename, ...}`"
            )
        self._refuse_near_misses(header)
        return header

    def _refuse_near_misses(self, header: Sequence[str]) -> None:
        absent = [ours for ours, theirs in self.theirs.items() if theirs not in header]
        for name in header:
            if name in self.theirs.values():
                continue
            near = difflib.get_close_matches(name.lower(), absent, n=1, cutoff=NEAR_MISS)
            if near:
                raise InputError(
                    f"{self.path}:1: the column '{name}' is not one we know; did you mean "
                    f"'{near[0]}'? Rename it; or, if it is something else, give it another name"
                )


def _text(path: Path) -> str:
    data = path.read_bytes()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise InputError(
            f"{path}:{line}: not UTF-8 (byte {data[error.start]:#04x}); save the file as UTF-8"
        ) from None


def _fold(text: str, where: str) -> int | None:
    if not text:
        return None
    if not is_integer(text):
        raise InputError(f"{where}: the fold must be an integer; got {quoted(text)}")
    return int(text)
