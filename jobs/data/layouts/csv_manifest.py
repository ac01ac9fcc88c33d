"""CSV manifests: train.csv (path, label; id, class_name, group, fold) and test.csv (path; id)."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path

from jobs.data.dataset import is_integer
from jobs.data.layouts.listing import ids_from_paths
from jobs.data.manifest import Clip
from jobs.errors import InputError, quoted
from jobs.schema import unknown_setting

TRAIN, TEST = "train.csv", "test.csv"
TRAIN_COLUMNS = ("path", "label", "id", "class_name", "group", "fold")
TEST_COLUMNS = ("path", "id", "group", "class_name", "fold")


def read_labelled(root: Path) -> list[Clip]:
    """List the rows of train.csv in their order.

    Raises:
        InputError: a column is missing, or a value is not what its column holds.
    """
    return _listed(root / TRAIN, TRAIN_COLUMNS, required=("path", "label"))


def read_test(root: Path) -> list[Clip]:
    """List the rows of test.csv in their order."""
    return _listed(root / TEST, TEST_COLUMNS, required=("path",))


def _listed(path: Path, known: tuple[str, ...], required: tuple[str, ...]) -> list[Clip]:
    rows = list(_rows(path, known, required))
    defaults = ids_from_paths([row["path"] for _, row in rows])
    labelled = "label" in required
    return [
        Clip(
            path=row["path"],
            where=f"{path}:{line}",
            id=row.get("id") or default,
            label=row["label"] if labelled else None,
            class_name=row.get("class_name") or None,
            group=row.get("group") or None,
            fold=_fold(row.get("fold", ""), f"{path}:{line}"),
        )
        for (line, row), default in zip(rows, defaults, strict=True)
    ]


def _rows(
    path: Path, known: tuple[str, ...], required: tuple[str, ...]
) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield (line, row) with every cell stripped; blank lines are skipped."""
    text = _text(path)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
        _check_header(path, header, known, required)
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
            row = {name: v if name == "path" else v.strip() for name, v in row.items()}
            for name in required:
                if not row[name]:
                    raise InputError(f"{path}:{reader.line_num}: the {name} is empty")
            yield reader.line_num, row
    except csv.Error as error:
        raise InputError(f"{path}:{reader.line_num}: not valid CSV: {error}") from None


def _text(path: Path) -> str:
    data = path.read_bytes()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise InputError(
            f"{path}:{line}: not UTF-8 (byte {data[error.start]:#04x}); save the file as UTF-8"
        ) from None


def _check_header(
    path: Path, header: list[str], known: tuple[str, ...], required: tuple[str, ...]
) -> None:
    for name in required:
        if name not in header:
            got = quoted(", ".join(header)) if header else "an empty file"
            raise InputError(
                f"{path}:1: no column '{name}'; expected {', '.join(known)}; got {got}"
            )
    for name in header:
        if name not in known and name != "label":
            sentence = unknown_setting(name, known).replace("a setting", "a column we know")
            raise InputError(f"{path}:1: {sentence}")
    if len(set(header)) < len(header):
        raise InputError(f"{path}:1: a column appears twice in {', '.join(header)}")


def _fold(text: str, where: str) -> int | None:
    if not text:
        return None
    if not is_integer(text):
        raise InputError(f"{where}: the fold must be an integer; got {quoted(text)}")
    return int(text)
