"""A file that exists is complete: every write goes through `replacing`."""

import contextlib
import csv
import errno
import functools
import hashlib
import json
import logging
import os
import re
import secrets
import socket
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from jobs.errors import DamagedFileError, InputError

log = logging.getLogger(__name__)

TEMPORARY_SUFFIX = ".tmp"
SET_ASIDE = "set-aside"
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
PROCESSES = Path("/proc/self/ns/pid")
ABANDONED_AFTER_S = 7 * 24 * 3600
# Our mark, the machine, its process and when that started, and chance: `.done.json.clip-...tmp`.
_TOKEN = re.compile(
    r"\.clip-(?P<machine>[0-9a-f]{12})-(?P<pid>\d+)-(?P<start>\d+)-[0-9a-f]{8}\.tmp$"
)


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a unique temporary path beside `path`; rename it to `path` if the block succeeds.

    The bytes are on disk (fsync) before the name is, so no reader ever sees half a file, not
    even after a power cut. On any exception the temporary is removed and `path` is untouched.

    Raises:
        InputError: the disk or the quota is full, or the folder cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{_token()}{TEMPORARY_SUFFIX}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        _flush_to_disk(temporary)
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
    """Write a CSV file (UTF-8, `\\n` line ends, quoted where needed) as one atomic step."""
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        plain = csv.writer(file, lineterminator="\n")
        # Python 3.11 leaves a lone carriage return unquoted, and reads it back as a line's end.
        quoted = csv.writer(file, lineterminator="\n", quoting=csv.QUOTE_ALL)
        plain.writerow(header)
        for row in rows:
            writer = quoted if any("\r" in str(cell) for cell in row) else plain
            writer.writerow(row)


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


def set_aside(path: Path) -> None:
    """Move what cannot be used any more into a folder beside it, and say so; deletes nothing.

    A file that was taken for damaged may be what a person wants to look at, and what was made
    together with it may still be good.
    """
    if not path.exists():
        return
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


def remove_abandoned_temporaries(*folders: Path) -> None:
    """Delete our temporaries below `folders` whose writer was killed before it could rename them.

    A temporary names its machine and process. It is abandoned if that process is gone from this
    machine. Of another machine's process nobody can know from here: its temporary is abandoned once
    it has not changed for a week. Files of other programs are left alone, whatever their name.
    """
    for folder in folders:
        _remove_abandoned(folder.rglob(f".*{TEMPORARY_SUFFIX}"))


def remove_abandoned_temporaries_in(folder: Path) -> None:
    """As `remove_abandoned_temporaries`, but look into no folder below this one."""
    _remove_abandoned(folder.glob(f".*{TEMPORARY_SUFFIX}"))


def _remove_abandoned(temporaries: Iterable[Path]) -> None:
    for path in temporaries:
        # One that cannot be judged or deleted now stays for the next time.
        with contextlib.suppress(OSError):
            if _is_abandoned(path):
                path.unlink()


def _is_abandoned(path: Path) -> bool:
    token = _TOKEN.search(path.name)
    if token is None:
        return False
    if token["machine"] == _machine():
        return not _lives(int(token["pid"]), token["start"])
    age = _time_of_the_file_server(path.parent) - path.stat().st_mtime
    return age > ABANDONED_AFTER_S


def _lives(pid: int, start: str) -> bool:
    """Return whether a process of this machine that started then may still live."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    # Where its start cannot be seen (no /proc, or another user's is hidden), it may be the same.
    return _start_of(pid) in (start, None)


def _time_of_the_file_server(folder: Path) -> float:
    """Return the present time by the clock that dates the files of a folder."""
    probe = folder / f".now.{_token()}{TEMPORARY_SUFFIX}"
    try:
        probe.touch(exist_ok=False)
        return probe.stat().st_mtime
    finally:
        probe.unlink(missing_ok=True)


def _token() -> str:
    pid = os.getpid()
    return f"clip-{_machine()}-{pid}-{_start_of(pid) or 0}-{secrets.token_hex(4)}"


@functools.cache
def _machine() -> str:
    """Return what tells where a process number means the same: host, boot, process namespace."""
    seen = [socket.gethostname()]
    for read in (lambda: BOOT_ID.read_text(), lambda: str(PROCESSES.readlink())):
        with contextlib.suppress(OSError):  # not Linux: the host alone
            seen.append(read())
    return hashlib.sha256("\n".join(seen).encode()).hexdigest()[:12]


def _start_of(pid: int) -> str | None:
    """Return when a process of this machine started, in clock ticks; None if there is none."""
    try:
        # After the name, which may itself hold spaces and brackets, start time is field 22 of 52.
        return (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[19]
    except (FileNotFoundError, ProcessLookupError):
        return None


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
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return InputError(
            f"cannot write {path}: {os.strerror(error.errno)}. Choose another --out, or make "
            "that folder writable for you"
        )
    return error
