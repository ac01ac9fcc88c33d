"""The daemons that Slurm itself needs: munge, which signs who asks, and accounting's database."""

import secrets
import subprocess
from pathlib import Path

from slurm.testbed.commands import START_TIMEOUT_S, Commands, wait_for


def start_munge(root: Path, commands: Commands) -> None:
    key = root / "etc" / "munge.key"
    key.touch(mode=0o400)
    key.write_bytes(secrets.token_bytes(128))
    commands.run(
        "munged",
        f"--key-file={key}",
        f"--socket={root}/run/munge.socket",
        f"--pid-file={root}/run/munged.pid",
        f"--log-file={root}/log/munged.log",
        f"--seed-file={root}/state/munged.seed",
    )


def start_database(root: Path, port: int, commands: Commands) -> None:
    data, sql_socket = root / "sql", root / "run" / "sql.socket"
    password = (root / "etc" / "password").read_text()
    commands.run(
        "mariadb-install-db", "--no-defaults", "--user=root", f"--datadir={data}",
        "--auth-root-authentication-method=normal", "--skip-test-db",
    )  # fmt: skip
    with (root / "log" / "mariadb.log").open("w") as log:
        subprocess.Popen(
            [
                "mariadbd", "--no-defaults", "--user=root", f"--datadir={data}",
                f"--socket={sql_socket}", "--bind-address=127.0.0.1",
                f"--port={port}", f"--pid-file={root}/run/mariadb.pid",
                "--innodb-buffer-pool-size=64M",
            ],
            stdout=log, stderr=log, env=dict(commands.environment), start_new_session=True,
        )  # fmt: skip
    client = ("mariadb", "--no-defaults", f"--socket={sql_socket}", "-e")
    wait_for(lambda: commands.quietly(*client, "select 1") == 0, START_TIMEOUT_S)
    commands.run(
        *client,
        "create database slurm_acct_db; "
        f"create user slurm@'%' identified by '{password}'; "
        "grant all on slurm_acct_db.* to slurm@'%'",
    )
