"""What a lock file says: who owns, and when it gave its last sign of life."""

import json
import os
import socket
import time
from dataclasses import dataclass
from pathlib import Path

from jobs.process import Process
from jobs.temporaries import time_of_the_file_server

LONGEST_FILE = 4096


@dataclass(frozen=True)
class Owner:
    """What a lock file says of its owner, and when it was touched last.

    Attributes:
        token: tells this ownership apart from every other.
        host: for a person.
        process: None while its file is being written, or if something else wrote it.
        job, restarts: Slurm's id of the job and how often it was requeued; None outside of Slurm.
        touched_ns: the file's time of change.
    """

    token: str
    host: str
    process: Process | None
    job: str | None
    restarts: int
    touched_ns: int

    @classmethod
    def this(cls, token: str) -> "Owner":
        restarts = os.environ.get("SLURM_RESTART_COUNT", "")
        return cls(
            token=token,
            host=socket.gethostname(),
            process=Process.this(),
            job=os.environ.get("SLURM_JOB_ID"),
            restarts=int(restarts) if restarts.isdigit() else 0,
            touched_ns=0,
        )

    @classmethod
    def read(cls, path: Path) -> "Owner | None":
        """Return whom a lock file names, or None if there is no such file.

        It is opened anew each time, which on NFS asks the server and not a cache.
        """
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
        except FileNotFoundError:
            return None
        with os.fdopen(descriptor, "rb") as file:
            touched = os.fstat(descriptor).st_mtime_ns
            try:
                found = json.loads(file.read(LONGEST_FILE))
                process = Process(str(found["machine"]), int(found["pid"]), str(found["start"]))
                return cls(
                    str(found["token"]), str(found["host"]), process, found["job"],
                    int(found["restarts"]), touched,
                )  # fmt: skip
            except (ValueError, KeyError, TypeError):
                return cls("", "", None, None, 0, touched)

    @classmethod
    def is_named(cls, path: Path, token: str) -> bool:
        """Return whether a lock file names the ownership with this token."""
        owner = cls.read(path)
        return owner is not None and owner.token == token

    def silent_for_s(self, folder: Path) -> float:
        """Return how long ago the last sign of life was, by the clock that dates its file.

        Who may only read the lock file's folder asks its own clock.
        """
        try:
            now = time_of_the_file_server(folder)
        except OSError:
            now = time.time()
        return abs(now - self.touched_ns / 1e9)

    def encoded(self) -> bytes:
        process = self.process or Process.this()
        written = {
            "host": self.host, "machine": process.machine, "pid": process.pid,
            "start": process.start, "job": self.job, "restarts": self.restarts, "token": self.token,
        }  # fmt: skip
        return json.dumps(written).encode()

    def lives(self) -> bool | None:
        """Return whether the owner lives; None if that cannot be known from here."""
        lives = self.process.lives() if self.process else None
        me = Owner.this("")
        if lives is None and self.job and self.job == me.job and self.restarts < me.restarts:
            return False  # Slurm has requeued this very job since
        return lives

    def __str__(self) -> str:
        if self.process is None:
            return "another process"
        suspended = ", which is suspended" if self.process.is_suspended else ""
        job = f" in job {self.job}" if self.job else ""
        return f"process {self.process.pid} on {self.host}{job}{suspended}"


def create(path: Path, token: str) -> bool:
    """Make the lock file, if there is none: atomic on every file system, NFS from version 3 on."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except FileExistsError:
        return False
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(Owner.this(token).encoded())
    except OSError:
        path.unlink(missing_ok=True)
        raise
    return True


def touch(path: Path, token: str) -> None:
    """Give a sign of life, if the lock file still names the ownership with this token."""
    descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW)
    with os.fdopen(descriptor, "rb") as file:
        # The time of this very file: were it replaced in between, the new one stays untouched.
        if _token_in(file.read(LONGEST_FILE)) == token:
            os.utime(descriptor)


def _token_in(content: bytes) -> str | None:
    try:
        return str(json.loads(content)["token"])
    except (ValueError, KeyError, TypeError):
        return None
