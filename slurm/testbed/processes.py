"""The processes of this machine, as /proc shows them, and the testbed's among them."""

import os
import signal
from pathlib import Path

DAEMONS = ("slurmctld", "slurmd", "slurmdbd", "munged", "slurmstepd")


def are_of(root: Path, config: Path) -> list[int]:
    """Return the daemons and job processes of the testbed in the folder `root`."""
    return [pid for pid in all_pids() if is_of(pid, root, config)]


def is_of(pid: int, root: Path, config: Path) -> bool:
    """Return whether a process is a daemon or a job of the testbed in the folder `root`."""
    if is_daemon(pid):
        return f"{root}/" in command_line(pid) or str(config) in environment_of(pid)
    # A job's process knows its node and, from the shell that submitted it, our config.
    text = environment_of(pid)
    return "SLURMD_NODENAME=" in text and str(config) in text


def all_pids() -> list[int]:
    pids = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())
    return [pid for pid in pids if pid != os.getpid()]


def is_daemon(pid: int, sql: bool = True) -> bool:
    name = Path(command_line(pid).split("\0")[0].rstrip(":")).name.split(":")[0]
    return name in DAEMONS or (sql and name == "mariadbd")


def step_keepers(pid: int) -> list[int]:
    """Return the slurmstepd processes among the ancestors of a process."""
    keepers = []
    while pid > 1:
        if command_line(pid).startswith("slurmstepd"):
            keepers.append(pid)
        # The fields after the name, which may itself hold spaces and brackets.
        fields = _proc_file(pid, "stat").rpartition(")")[2].split()
        pid = int(fields[1]) if len(fields) > 1 else 0
    return keepers


def command_line(pid: int) -> str:
    return _proc_file(pid, "cmdline")


def environment_of(pid: int) -> str:
    return _proc_file(pid, "environ")


def _proc_file(pid: int, name: str) -> str:
    try:
        return (Path("/proc") / str(pid) / name).read_bytes().decode(errors="replace")
    except OSError:
        return ""


def kill(pid: int, sent: signal.Signals) -> None:
    try:
        os.kill(pid, sent)
    except ProcessLookupError:
        return
