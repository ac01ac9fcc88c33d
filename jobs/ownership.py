"""One owner at a time for a folder that several processes may want to write.

A lock file names its owner and is touched by it every 10 s. Locks of the kernel (`flock`) are not
used: on some mounts (NFS with local locks, Lustre with `localflock`) they hold on one node alone,
and make two owners without a word; and whoever may read a file can hold its lock.
"""

import contextlib
import logging
import math
import secrets
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from jobs.errors import BusyError, LostOwnershipError
from jobs.lock_file import Owner, create, touch
from jobs.process import Process
from jobs.temporaries import temporary_beside

log = logging.getLogger(__name__)

POLL_S = 1.0
REPORT_EVERY_S = 60.0
HEARTBEAT_S = 10.0
# Attributes of a file may be cached for up to 60 s by an NFS client, so silence must last longer.
STALE_AFTER_S = 90.0
# A clock that jumped makes a fresh sign of life look old: the next two must be missing as well.
WATCHED_FOR_S = 25.0
# A job that waits holds its CPUs, perhaps a GPU, and its own time limit runs.
PATIENCE_S = 600.0

# Lock file and token of everything that this process owns, and the tokens that it uses.
_owned: dict[Path, str] = {}
_tokens: set[str] = set()


@contextlib.contextmanager
def owning(path: Path, wait_s: float = PATIENCE_S) -> Iterator[None]:
    """Own `path` for the length of the block.

    An owner on this machine is one for as long as its process lives, even if it is suspended. One
    on another machine has lost what it owned once it was silent for 90 s, or at once where it is
    the earlier life of this very job, which Slurm has requeued. Should it only have been suspended,
    it notices before its next rename or delete: see `require_ownership`.

    Args:
        path: the lock file.
        wait_s: how many seconds to wait for the present owner to end, saying who it is; 0 to give
            up at once, `math.inf` for as long as it takes.

    Raises:
        BusyError: somebody else still owns it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    token = secrets.token_hex(8)
    _tokens.add(token)
    try:
        _take(path, token, wait_s)
        with _held(path, token):
            yield
    finally:  # also where an interrupt comes while it is released
        _tokens.discard(token)


def require_ownership() -> None:
    """Refuse to go on if another process has taken over what this one owns.

    Everything that renames or deletes asks here first. A process that was suspended, or cut off
    from the file server, cannot know otherwise that it was given up.

    Raises:
        LostOwnershipError: names the lock file and its new owner.
        OSError: the lock file cannot be read now.
    """
    for path, token in list(_owned.items()):
        if not Owner.is_named(path, token):
            owner = Owner.read(path) or "a process that has ended since"
            raise LostOwnershipError(
                f"{path.parent} was taken over by {owner}, because this process gave no sign of "
                "life (suspended, or cut off from the file server). It ends here and changes "
                "nothing more; what it was doing is done by the other"
            )


def is_owned(path: Path) -> bool:
    """Return whether some process owns `path` right now."""
    try:
        owner = Owner.read(path)
        if owner is None:
            return False
        lives = owner.lives()
        return owner.silent_for_s(path.parent) <= STALE_AFTER_S if lives is None else lives
    except OSError:
        return False


@contextlib.contextmanager
def _held(path: Path, token: str) -> Iterator[None]:
    """Give signs of life during the block, and release what is owned at its end."""
    _owned[path] = token
    ended = threading.Event()
    heart = threading.Thread(target=_beat, args=(path, token, ended), daemon=True)
    heart.start()
    try:
        yield
    finally:
        ended.set()
        heart.join()
        del _owned[path]
        with contextlib.suppress(OSError):  # then it is taken over, or falls silent
            if Owner.is_named(path, token):
                path.unlink()


class _Watch:
    """Tells whether an owner has fallen silent, by what is seen of it and not by clocks alone."""

    def __init__(self) -> None:
        self.seen: tuple[str, int] | None = None
        self.since = 0.0

    def is_silent(self, owner: Owner, silent_for_s: float) -> bool:
        """Return whether a look at the lock file, taken now, shows an owner that is gone."""
        now, sign = time.monotonic(), (owner.token, owner.touched_ns)
        if sign != self.seen:
            self.seen, self.since = sign, now
        watched = now - self.since
        return watched > STALE_AFTER_S or (watched > WATCHED_FOR_S and silent_for_s > STALE_AFTER_S)


def _take(path: Path, token: str, wait_s: float) -> None:
    """Return once `path` names this process."""
    started = time.monotonic()
    reported = -math.inf
    watch = _Watch()
    while not create(path, token):
        owner = Owner.read(path)
        if owner is None:
            continue  # released in between
        if owner.token == token:
            return  # NFS sent the request twice and answered the second time
        lives = owner.lives() and not _is_released(owner)
        silent_for_s = owner.silent_for_s(path.parent) if lives is None else 0.0
        if lives is False or (lives is None and watch.is_silent(owner, silent_for_s)):
            if _replace(path, token, owner):
                return
            continue
        now = time.monotonic()
        # One that has long been silent is watched for a moment even by who would not wait.
        patience = max(wait_s, 2 * WATCHED_FOR_S) if silent_for_s > STALE_AFTER_S else wait_s
        if now - started >= patience:
            waited = f" Waited for {now - started:.0f} s." if wait_s else ""
            raise BusyError(
                f"{path.parent} is in use by {owner}.{waited} Launch again once it ends"
            )
        if now - reported > REPORT_EVERY_S:
            reported = now
            log.warning("waiting for %s, which works in %s", owner, path.parent)
        time.sleep(POLL_S)


def _is_released(owner: Owner) -> bool:
    """Return whether this very process owned it, and could not delete the lock file afterwards."""
    return owner.process == Process.this() and owner.token not in _tokens


def _replace(path: Path, token: str, gone: Owner) -> bool:
    """Take over from an owner that is gone; return False if somebody else was faster."""
    mine = temporary_beside(path)
    try:
        create(mine, token)
        if Owner.read(path) != gone:
            return False
        mine.replace(path)
    finally:
        mine.unlink(missing_ok=True)
    time.sleep(POLL_S)  # if two take over at once, the later one stays
    if not Owner.is_named(path, token):
        return False
    log.info("took over %s from %s, which is gone", path.parent, gone)
    return True


def _beat(path: Path, token: str, ended: threading.Event) -> None:
    """Give a sign of life every 10 s until the block has ended, or another has taken over."""
    while not ended.wait(HEARTBEAT_S):
        with contextlib.suppress(OSError):  # the next one may get through
            touch(path, token)
