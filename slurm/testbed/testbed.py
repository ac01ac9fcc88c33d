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
import string
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from slurm.testbed import folder
from slurm.testbed.machine import TestbedError, install, require_no_foreign_slurm
from slurm.testbed.processes import are_of, command_line, environment_of, kill, step_keepers

HERE = Path(__file__).parent
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
START_TIMEOUT_S = 60


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

    def is_up(self) -> bool:
        return self.config.exists() and self._quietly("scontrol", "ping") == 0

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
            self._start_munge()
            self._start_database()
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
        self._run("slurmd", "-N", node)

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
        values = {
            "root": str(self.root),
            "host": socket.gethostname(),
            "password": secrets.token_hex(16),
            "max_array_size": str(self.max_array_size),
            "ctld_port": str(self.first_port),
            "dbd_port": str(self.first_port + 5),
            "sql_port": str(self.first_port + 6),
        } | {f"port_{k}": str(self.first_port + k) for k in range(1, len(NODES) + 1)}
        for name in ("slurm.conf", "slurmdbd.conf", "gres.conf"):
            text = string.Template((HERE / name).read_text()).substitute(values)
            path = self.root / "etc" / name
            path.touch(mode=0o600 if name == "slurmdbd.conf" else 0o644)
            path.write_text(text)
        (self.root / "etc" / "password").touch(mode=0o600)
        (self.root / "etc" / "password").write_text(values["password"])
        for k in range(2):
            os.mknod(self.root / "dev" / f"gpu{k}", stat.S_IFCHR | 0o666, os.makedev(1, 3))

    def _start_munge(self) -> None:
        key = self.root / "etc" / "munge.key"
        key.touch(mode=0o400)
        key.write_bytes(secrets.token_bytes(128))
        self._run(
            "munged",
            f"--key-file={key}",
            f"--socket={self.root}/run/munge.socket",
            f"--pid-file={self.root}/run/munged.pid",
            f"--log-file={self.root}/log/munged.log",
            f"--seed-file={self.root}/state/munged.seed",
        )

    def _start_database(self) -> None:
        data, sql_socket = self.root / "sql", self.root / "run" / "sql.socket"
        password = (self.root / "etc" / "password").read_text()
        self._run(
            "mariadb-install-db", "--no-defaults", "--user=root", f"--datadir={data}",
            "--auth-root-authentication-method=normal", "--skip-test-db",
        )  # fmt: skip
        with (self.root / "log" / "mariadb.log").open("w") as log:
            subprocess.Popen(
                [
                    "mariadbd", "--no-defaults", "--user=root", f"--datadir={data}",
                    f"--socket={sql_socket}", "--bind-address=127.0.0.1",
                    f"--port={self.first_port + 6}", f"--pid-file={self.root}/run/mariadb.pid",
                    "--innodb-buffer-pool-size=64M",
                ],
                stdout=log, stderr=log, env=self.environment, start_new_session=True,
            )  # fmt: skip
        client = ("mariadb", "--no-defaults", f"--socket={sql_socket}", "-e")
        wait_for(lambda: self._quietly(*client, "select 1") == 0, START_TIMEOUT_S)
        self._run(
            *client,
            "create database slurm_acct_db; "
            f"create user slurm@'%' identified by '{password}'; "
            "grant all on slurm_acct_db.* to slurm@'%'",
        )

    def _start_slurm(self) -> None:
        self._run("slurmdbd")
        wait_for(lambda: self._quietly("sacctmgr", "-n", "show", "cluster") == 0, START_TIMEOUT_S)
        self._run("sacctmgr", "-i", "add", "cluster", "testbed")
        self._run("slurmctld")
        wait_for(lambda: self._quietly("scontrol", "ping") == 0, START_TIMEOUT_S)
        for node in NODES:
            self.start_node(node)
        wait_for(self._all_idle, START_TIMEOUT_S)

    def _all_idle(self) -> bool:
        shown = self._output("sinfo", "-h", "-N", "-o", "%N %t").splitlines()
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

    def _run(self, *command: str) -> None:
        done = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, check=False,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
        if done.returncode:
            said = done.stderr.strip() or done.stdout.strip() or f"exit status {done.returncode}"
            raise TestbedError(f"{' '.join(command[:3])}: {said}")

    def _quietly(self, *command: str) -> int:
        return subprocess.run(
            command, env=self.environment, capture_output=True, check=False
        ).returncode

    def _output(self, *command: str) -> str:
        return subprocess.run(
            command, env=self.environment, capture_output=True, text=True, check=False
        ).stdout


def wait_for(condition: Callable[[], bool], seconds: float, raising: bool = True) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            if raising:
                raise TestbedError(f"waited {seconds:.0f} s in vain")
            return
        time.sleep(0.2)


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
