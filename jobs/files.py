"""A file that exists is complete: every write goes through `replacing`."""

import contextlib
import csv
import errno
import itertools
import json
import logging
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from jobs.errors import DamagedFileError, InputError
from jobs.ownership import require_ownership
from jobs.plain_text import from_a_cell, in_a_cell
from jobs.temporaries import temporary_beside

log = logging.getLogger(__name__)

SET_ASIDE = "set-aside"


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a unique temporary path beside `path`; rename it to `path` if the block succeeds.

    The bytes are on disk (fsync) before the name is, so no reader ever sees half a file, not
    even after a power cut. On any exception the temporary is removed and `path` is untouched.

    Raises:
        InputError: the disk or the quota is full, or the folder cannot be written.
        LostOwnershipError: another process has taken over what this one owned.
    """
    temporary = temporary_beside(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        _flush_to_disk(temporary)
        require_ownership()
        temporary.replace(path)
    except OSError as error:
        raise in_words(error, path) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
    _flush_to_disk(path.parent)


def write_bytes(path: Path, data: bytes) -> None:
    """Write `data` to `path` as one atomic step."""
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Write `text` (UTF-8, newlines as given) to `path` as one atomic step."""
    write_bytes(path, text.encode("utf-8"))


def write_json(path: Path, value: Any) -> None:
    """Write `value` as readable JSON to `path` as one atomic step."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write a CSV file (UTF-8, `\\n` line ends, quoted where needed) as one atomic step.

    A text that a spreadsheet would take for a formula is marked; `csv_rows` reads what was given.
    """
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        plain = csv.writer(file, lineterminator="\n")
        # Python 3.11 leaves a lone carriage return unquoted, and reads it back as a line's end.
        quoted = csv.writer(file, lineterminator="\n", quoting=csv.QUOTE_ALL)
        for row in itertools.chain([header], rows):
            cells = [in_a_cell(cell) if isinstance(cell, str) else cell for cell in row]
            writer = quoted if any("\r" in str(cell) for cell in cells) else plain
            writer.writerow(cells)


def csv_rows(lines: Iterable[str]) -> Iterator[list[str]]:
    """Yield the rows of CSV text, cells as they were given to `write_csv`.

    Raises:
        csv.Error: it is no CSV.
    """
    for row in csv.reader(lines):
        yield [from_a_cell(cell) if cell[:1] == "'" else cell for cell in row]


def read_json(path: Path) -> Any:
    """Read a JSON file that this project wrote.

    Raises:
        DamagedFileError: the file is not JSON.
        FileNotFoundError: there is no such file.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise DamagedFileError(
            f"{path} is not valid JSON ({error}); delete it and launch again"
        ) from error


def remove(path: Path) -> None:
    """Delete a file if it is there.

    Raises:
        LostOwnershipError: another process has taken over what this one owned.
        OSError: it cannot be deleted now.
    """
    require_ownership()
    path.unlink(missing_ok=True)


def set_aside(path: Path) -> None:
    """Move what cannot be used any more into a folder beside it, and say so; deletes nothing.

    A file that was taken for damaged may be what a person wants to look at, and what was made
    together with it may still be good.
    """
    if not path.exists():
        return
    require_ownership()
    folder = path.parent / SET_ASIDE
    folder.mkdir(exist_ok=True)
    kept = folder / path.name
    number = 1
    while kept.exists():
        number += 1
        kept = folder / f"{path.name}.{number}"
    with contextlib.suppress(FileNotFoundError):
        path.rename(kept)
        log.warning("%s is set aside as %s", path, kept)


def _flush_to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some network file systems refuse to fsync a folder; the rename itself is still atomic.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)


def in_words(error: OSError, path: Path) -> Exception:
    """Turn the errors that a full disk or a closed folder gives into words."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return InputError(
            f"cannot write {path}: {os.strerror(error.errno)}. Nothing half-written was left "
            "under that name. Free some space (or inodes), or choose another --out, and launch "
            "again: it goes on from here"
        )
    if _is_about(error, path) and error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return InputError(
            f"cannot write {path}: {os.strerror(error.errno)}. Choose another --out, or make "
            "that folder writable for you"
        )
    return error


def _is_about(error: OSError, path: Path) -> bool:
    """Whether an error is of the path that is written, or of a folder on the way to it.

    While a file is written others are read, recordings for instance: no other --out mends those.
    """
    if not isinstance(error.filename, str):
        return True
    named = Path(error.filename)
    return named.is_relative_to(path.parent) or path.is_relative_to(named)
