"""What a user may still write in a folder, as the quota commands of its file system say."""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

TIMEOUT_S = 20
UNITS = {"": 1.0, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15}
# Used, soft limit, limit, grace time: of space in KiB, then of files. A star says "exceeded",
# square brackets that not every server has answered.
AMOUNTS = 3 * r"\s+([\d\[\]*]+|none)" + r"\s+\S+"


@dataclass(frozen=True)
class Quota:
    """Space and files that a user has, and may have; None for what is not bounded.

    Attributes:
        source: the command that says so.
        used_bytes: of space.
        most_bytes: of space.
        used_files: files and folders.
        most_files: files and folders.
    """

    source: str
    used_bytes: float
    most_bytes: float | None
    used_files: int
    most_files: int | None

    @property
    def bytes_left(self) -> float:
        return float("inf") if self.most_bytes is None else self.most_bytes - self.used_bytes

    @property
    def files_left(self) -> float:
        return float("inf") if self.most_files is None else self.most_files - self.used_files

    def __str__(self) -> str:
        space, files = f"{self.used_bytes / 1e9:,.0f}", f"{self.used_files:,}"
        space += f" of {self.most_bytes / 1e9:,.0f}" if self.most_bytes is not None else ""
        files += f" of {self.most_files:,}" if self.most_files is not None else ""
        return f"{space} GB and {files} files are used, says {self.source}"


def quota_of(folder: Path) -> Quota | None:
    """Return the quota that bounds a folder, or None if no command tells of one.

    Asked are `myquota` (NYU and others), `lfs quota` (Lustre) and `quota` (NFS, XFS, ext4).

    Args:
        folder: that exists.
    """
    found = _of_myquota(_said("myquota"), folder)
    if found is None:
        whose = ("-q", "-u", str(os.getuid()))
        found = _of_columns(_said("lfs", "quota", *whose, str(folder)), "lfs quota")
    if found is None:
        # One line a file system, and a number for each grace time, so that columns can be counted.
        asked = ("--no-wrap", "--raw-grace", "--filesystem", str(folder))
        found = _of_columns(_said("quota", *asked), "quota")
    return found


def _said(*command: str) -> str:
    """Return what a command prints; "" if it is not there, or not in time.

    `quota` fails where a quota is exceeded, and prints it all the same.
    """
    if shutil.which(command[0]) is None:
        return ""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=TIMEOUT_S,
            check=False, stdin=subprocess.DEVNULL, env=os.environ | {"LC_ALL": "C"},
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout


def _of_columns(said: str, source: str) -> Quota | None:
    """Read `/scratch 12 100 120 - 34 1000 1200 -`; a long name may stand in a line of its own."""
    for row in re.finditer(rf"^\s*\S+{AMOUNTS}{AMOUNTS}\s*$", said, re.MULTILINE):
        used, *limits, files, soft_files, hard_files = (
            int(re.sub(r"\D", "", field) or 0) for field in row.groups()
        )
        most = _bound(limits)
        space = None if most is None else most * 1024.0
        return Quota(source, used * 1024.0, space, files, _bound([soft_files, hard_files]))
    return None


def _bound(limits: list[int]) -> int | None:
    """Return the lower of a soft and a hard limit; 0 is none."""
    return min((limit for limit in limits if limit), default=None)


def _of_myquota(said: str, folder: Path) -> Quota | None:
    """Read `/scratch $SCRATCH No/Yes 5.0TB/1.0M 811.09GB(15.84%)/2437(0.24%)` of the folder."""
    size, number = r"([\d.]+)([KMGTP]?)i?B?", r"([\d.]+)([KMGTP]?)"
    amounts = rf"{size}/{number}\s+{size}\s*\([\d.]+%\)\s*/\s*{number}\s*\([\d.]+%\)"
    rows = []
    for line in said.splitlines():
        row = re.match(rf"\s*(/\S*)\s.*?{amounts}", line)
        if row and folder.resolve().is_relative_to(row[1]):
            rows.append(row)
    if not rows:
        return None
    row = max(rows, key=lambda each: len(each[1]))  # /scratch/work rather than /scratch
    most, most_files, used, files = (
        float(row[k]) * UNITS[row[k + 1]] for k in (2, 4, 6, 8)
    )  # fmt: skip
    return Quota("myquota", used, most, round(files), round(most_files))
