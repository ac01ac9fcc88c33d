"""A real Slurm of four nodes on one Debian machine: install, start, stop, status.

Everything it makes lies under one folder (`CLIP_TESTBED`, default /var/tmp/clip-testbed): config,
keys, sockets, database, logs, state. It runs as root, needs no systemd and no cgroups, and leaves
no daemon behind. It refuses to touch a machine that has a Slurm or munge of its own.
"""

import argparse
import os
import secrets
import shutil
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from slurm.testbed import configuration, daemons, folder
from slurm.testbed.commands import START_TIMEOUT_S, Commands, wait_for
from slurm.testbed.machine import TestbedError, install, require_no_foreign_slurm
from slurm.testbed.processes import (
    are_of,
    command_line,
    environment_of,
    kill,
    program_of,
    step_keepers,
)

PROGRAMS = (
    "munged",
    "mariadbd",
    "mariadb-install-db",
    "slurmdbd",
    "slurmctld",
    "slurmd",
    "sacctmgr",
)
NODES = ("cpu1", "cpu2", "gpu1", "gpu2")


@dataclass(frozen=True)
class Testbed:
    """One testbed: its folder, its ports, its daemons."""

    root: Path
    first_port: int = 17_800
    max_array_size: int = 51

    __test__ = False

    @classmethod
    def default(cls) -> "Testbed":
        """Return the testbed in the folder that CLIP_TESTBED names.

        Raises:
            TestbedError: it is not an absolute path.
        """
        root = Path(os.environ.get("CLIP_TESTBED", "/var/tmp/clip-testbed"))
        if not root.is_absolute() or ".." in root.parts:
            raise TestbedError(f"CLIP_TESTBED must be an absolute path, not '{root}'")
        return cls(root)

    @property
    def config(self) -> Path:
        """What SLURM_CONF must name for sbatch, squeue and the rest to find this Slurm."""
        return self.root / "etc" / "slurm.conf"

    @property
    def environment(self) -> dict[str, str]:
        return os.environ | {
            "SLURM_CONF": str(self.config),
            "PATH": f"{os.environ['PATH']}:/usr/sbin",
        }

    @property
    def _commands(self) -> Commands:
        return Commands(self.environment)

    def is_up(self) -> bool:
        return self.config.exists() and self._commands.quietly("scontrol", "ping") == 0

    def start(self) -> None:
        """Start every daemon, in the order in which they need each other.

        Raises:
            TestbedError: this machine is not one for it, or a daemon did not come up.
        """
        self.require_fitting_machine()
        if self.is_up():
            return
        self.stop()
        self._lay_out()
        try:
            daemons.start_munge(self.root, self._commands)
            daemons.start_database(self.root, self.first_port + 6, self._commands)
            self._start_slurm()
        except (TestbedError, subprocess.CalledProcessError) as error:
            logs = "\n".join(self._log_ends())
            self.stop()
            raise TestbedError(f"the testbed did not start: {error}\n{logs}") from error

    def stop(self) -> None:
        """End every daemon and job process of this testbed, and remove its folder.

        Raises:
            TestbedError: the folder is not one that `start` made; nothing is ended or removed.
        """
        folder.require_own(self.root)
        for sent in (signal.SIGTERM, signal.SIGKILL):
            for pid in self._processes():
                kill(pid, sent)
            wait_for(lambda: not self._processes(), 15, raising=False)
        if self._processes():
            raise TestbedError(f"processes {self._processes()} did not end")
        folder.remove(self.root)

    def reconfigure(self, changes: Mapping[str, str]) -> None:
        """Start the controller and the nodes anew, as another cluster's staff has set them up.

        Args:
            changes: settings of slurm.conf, as `configuration.write` takes them; without any, the
                testbed is as it was made.

        Raises:
            TestbedError: a daemon did not come up.
        """
        for sent in (signal.SIGTERM, signal.SIGKILL):
            for pid in self._controller_and_nodes():
                kill(pid, sent)
            wait_for(lambda: not self._controller_and_nodes(), 15, raising=False)
        self._configure(changes)
        self._start_controller_and_nodes()

    def _controller_and_nodes(self) -> list[int]:
        of_slurm = ("slurmctld", "slurmd")
        return [pid for pid in self._processes() if program_of(pid) in of_slurm]

    def require_fitting_machine(self) -> None:
        """Refuse a machine on which a testbed would do harm or cannot run."""
        if os.geteuid() != 0:
            raise TestbedError("the testbed runs as root: its daemons start jobs for users")
        require_no_foreign_slurm(self.root, self.config)
        path = self.environment["PATH"]
        missing = [name for name in PROGRAMS if not shutil.which(name, path=path)]
        if missing:
            raise TestbedError(f"{', '.join(missing)} not found; run `make testbed-install` first")

    def kill_node(self, node: str) -> None:
        """Lose a node as a power cut does: its daemon and every process of its jobs at once."""
        of_node = {pid for pid in self._processes() if self._is_of_node(pid, node)}
        # The keepers of job steps know no node; they are the parents of processes that do.
        of_node |= {keeper for pid in of_node for keeper in step_keepers(pid)}
        # Stopped first, so that none of them can report the death of another.
        for sent in (signal.SIGSTOP, signal.SIGKILL):
            for pid in of_node:
                kill(pid, sent)

    def start_node(self, node: str) -> None:
        self._commands.run("slurmd", "-N", node)

    def _is_of_node(self, pid: int, node: str) -> bool:
        started = f"-N\0{node}\0" in command_line(pid)
        return started or f"SLURMD_NODENAME={node}\0" in environment_of(pid)

    def _lay_out(self) -> None:
        folder.make(self.root)
        for name in ("etc", "run", "log", "state", "dev", "sql", *(f"spool/{n}" for n in NODES)):
            (self.root / name).mkdir(parents=True, exist_ok=True)
        # munged insists that nobody else could have replaced its socket or key.
        self.root.chmod(0o755)
        (self.root / "run").chmod(0o755)
        (self.root / "etc" / "password").touch(mode=0o600)
        (self.root / "etc" / "password").write_text(secrets.token_hex(16))
        self._configure({})
        for k in range(2):
            os.mknod(self.root / "dev" / f"gpu{k}", stat.S_IFCHR | 0o666, os.makedev(1, 3))

    def _configure(self, changes: Mapping[str, str]) -> None:
        values = {
            "root": str(self.root),
            "host": socket.gethostname(),
            "password": (self.root / "etc" / "password").read_text(),
            "max_array_size": str(self.max_array_size),
            "ctld_port": str(self.first_port),
            "dbd_port": str(self.first_port + 5),
            "sql_port": str(self.first_port + 6),
        } | {f"port_{k}": str(self.first_port + k) for k in range(1, len(NODES) + 1)}
        configuration.write(self.root / "etc", values, changes)

    def _start_slurm(self) -> None:
        self._commands.run("slurmdbd")
        wait_for(
            lambda: self._commands.quietly("sacctmgr", "-n", "show", "cluster") == 0,
            START_TIMEOUT_S,
        )
        self._commands.run("sacctmgr", "-i", "add", "cluster", "testbed")
        self._start_controller_and_nodes()

    def _start_controller_and_nodes(self) -> None:
        self._commands.run("slurmctld")
        wait_for(lambda: self._commands.quietly("scontrol", "ping") == 0, START_TIMEOUT_S)
        for node in NODES:
            self.start_node(node)
        wait_for(self._all_idle, START_TIMEOUT_S)

    def _all_idle(self) -> bool:
        shown = self._commands.output("sinfo", "-h", "-N", "-o", "%N %t").splitlines()
        return len({line for line in shown if line.endswith(" idle")}) == len(NODES)

    def _processes(self) -> list[int]:
        """Return the daemons and job processes of this testbed."""
        return are_of(self.root, self.config)

    def _log_ends(self) -> list[str]:
        ends = []
        for path in sorted((self.root / "log").glob("*.log")):
            lines = path.read_text(errors="replace").splitlines()[-3:]
            ends += [f"{path.name}: {line}" for line in lines]
        return ends


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("verb", choices=["install", "start", "stop", "status"])
    verb = parser.parse_args().verb
    try:
        testbed = Testbed.default()
        if verb == "install":
            require_no_foreign_slurm(testbed.root, testbed.config)
            install()
        elif verb == "start":
            testbed.start()
            print(f"Slurm is up. In your shell:  export SLURM_CONF={testbed.config}")
        elif verb == "stop":
            testbed.stop()
            print("Slurm is down; nothing of it is left.")
        else:
            print("up" if testbed.is_up() else "down")
    except TestbedError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
