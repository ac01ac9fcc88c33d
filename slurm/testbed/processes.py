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
    # Whole entries: a folder may be named like the beginning of another one.
    variables = environment_of(pid).split("\0")
    has_our_config = f"SLURM_CONF={config}" in variables
    if is_daemon(pid):
        return has_our_config or any(
            argument.partition("=")[2].startswith(f"{root}/")
            for argument in command_line(pid).split("\0")
        )
    # A job's process knows its node and, from the shell that submitted it, our config.
    return has_our_config and any(each.startswith("SLURMD_NODENAME=") for each in variables)


def all_pids() -> list[int]:
    pids = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())
    return [pid for pid in pids if pid != os.getpid()]


def is_daemon(pid: int, sql: bool = True) -> bool:
    name = program_of(pid)
    return name in DAEMONS or (sql and name == "mariadbd")


def program_of(pid: int) -> str:
    """Return a process's program without its folder: `slurmd`."""
    return Path(command_line(pid).split("\0")[0].rstrip(":")).name.split(":")[0]


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
