"""Commands of Slurm and its companions, in the testbed's environment."""

import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from slurm.testbed.machine import TestbedError

START_TIMEOUT_S = 60


@dataclass(frozen=True)
class Commands:
    """Runs commands in one environment."""

    environment: Mapping[str, str]

    def run(self, *command: str) -> None:
        done = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, check=False,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
        if done.returncode:
            said = done.stderr.strip() or done.stdout.strip() or f"exit status {done.returncode}"
            raise TestbedError(f"{' '.join(command[:3])}: {said}")

    def quietly(self, *command: str) -> int:
        return subprocess.run(
            command, env=self.environment, capture_output=True, check=False
        ).returncode

    def output(self, *command: str) -> str:
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
