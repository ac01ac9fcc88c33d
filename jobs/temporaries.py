"""Names of files that are being written, and what a killed writer left of them."""

import contextlib
import re
import secrets
from collections.abc import Iterable
from pathlib import Path

from jobs.process import Process

SUFFIX = ".tmp"
ABANDONED_AFTER_S = 7 * 24 * 3600
# Our mark, the machine, its process and when that started, and chance: `.done.json.clip-...tmp`.
_TOKEN = re.compile(
    r"\.clip-(?P<machine>[0-9a-f]{12})-(?P<pid>\d+)-(?P<start>\d+)-[0-9a-f]{8}\.tmp$"
)


def temporary_beside(path: Path) -> Path:
    """Return a unique hidden path beside `path` that names its writer, this process."""
    writer = Process.this()
    token = f"clip-{writer.machine}-{writer.pid}-{writer.start}-{secrets.token_hex(4)}"
    return path.with_name(f".{path.name}.{token}{SUFFIX}")


def remove_abandoned_temporaries(*folders: Path) -> None:
    """Delete our temporaries below `folders` whose writer was killed before it could rename them.

    A temporary names its machine and process. It is abandoned if that process is gone from this
    machine. Of another machine's process nobody can know from here: its temporary is abandoned once
    it has not changed for a week. Files of other programs are left alone, whatever their name.
    """
    for folder in folders:
        _remove_abandoned(folder.rglob(f".*{SUFFIX}"))


def remove_abandoned_temporaries_in(folder: Path) -> None:
    """As `remove_abandoned_temporaries`, but look into no folder below this one."""
    _remove_abandoned(folder.glob(f".*{SUFFIX}"))


def time_of_the_file_server(folder: Path) -> float:
    """Return the present time by the clock that dates the files of a folder, seconds since 1970.

    Clocks of hosts need not agree with it, or with each other.

    Raises:
        OSError: nothing can be written there.
    """
    probe = temporary_beside(folder / "now")
    try:
        probe.touch(exist_ok=False)
        return probe.stat().st_mtime
    finally:
        probe.unlink(missing_ok=True)


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
    lives = Process(token["machine"], int(token["pid"]), token["start"]).lives()
    if lives is not None:
        return not lives
    return time_of_the_file_server(path.parent) - path.stat().st_mtime > ABANDONED_AFTER_S
