"""Is this machine one for a testbed? Installing what it needs: the only place that calls apt."""

import os
import subprocess
from pathlib import Path

from slurm.testbed.processes import all_pids, command_line, is_daemon, is_of

PACKAGES = ("slurm-wlm", "slurmdbd", "munge", "mariadb-server")
FOREIGN_CONFIGS = ("/etc/slurm/slurm.conf", "/etc/slurm-llnl/slurm.conf")
POLICY = Path("/usr/sbin/policy-rc.d")


class TestbedError(Exception):
    """The testbed cannot be used here; the message says why and what to do."""

    __test__ = False  # not a test, whatever pytest thinks of the name


def require_no_foreign_slurm(root: Path, config: Path) -> None:
    """Refuse a machine that runs or has a Slurm or munge of its own.

    Raises:
        TestbedError: names the file or process.
    """
    for foreign in FOREIGN_CONFIGS:
        if Path(foreign).exists():
            raise TestbedError(f"this machine has a Slurm of its own ({foreign}); use that one")
    for pid in all_pids():
        if is_daemon(pid, sql=False) and not is_of(pid, root, config):
            name = command_line(pid).split("\0")[0]
            raise TestbedError(f"this machine runs a {name} of its own (process {pid})")


def install() -> None:
    """Install Debian's packages without starting their daemons.

    Raises:
        TestbedError: not root, or apt-get failed.
    """
    if os.geteuid() != 0:
        raise TestbedError("installing packages needs root")
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    # policy-rc.d is Debian's way to say that no package may start a daemon while installing.
    added = not POLICY.exists()
    if added:
        POLICY.write_text("#!/bin/sh\nexit 101\n")
        POLICY.chmod(0o755)
    try:
        subprocess.run(["apt-get", "update", "-qq"], env=environment, check=True)
        subprocess.run(
            ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *PACKAGES],
            env=environment,
            check=True,
        )
    except subprocess.CalledProcessError as error:
        raise TestbedError(f"apt-get failed: {error}") from error
    finally:
        if added:
            POLICY.unlink()
