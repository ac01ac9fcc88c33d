"""Our commands as a user runs them, each in a process of its own.

Of the eight seconds of CPU that a small launch takes, five go into importing PyTorch, scikit-learn
and librosa, which tests nothing of ours. So a command is forked from a process that has these
libraries in memory; our own modules it imports itself.

`fresh=True` starts it from nothing. What is about a start needs that: what a command imports, what
Python reads only then (sitecustomize, PYTHONHASHSEED, PYTHONWARNINGS, the locale) and libraries
when they are imported (numbers of threads, caches), and an order that may hang on the seed of
hashes, which all forked commands share.
"""

import atexit
import functools
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
SERVER = Path(__file__).parent / "warm_server.py"
Done = subprocess.CompletedProcess[str]
Launch = Callable[..., Done]  # the fixture `launch`


def umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


class Server:
    """The process that commands are forked from."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(SERVER)], cwd=ROOT, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        atexit.register(self.process.kill)

    def ask(self, **request: Any) -> int | None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(json.dumps(request), file=self.process.stdin, flush=True)
        line = self.process.stdout.readline()
        assert line, "the process that commands are forked from has ended; it said why above"
        answer: int | None = json.loads(line)
        return answer


@functools.cache
def server() -> Server:
    return Server()


class Started:
    """A command at work, as far as tests use a Popen."""

    def __init__(
        self, name: str, *arguments: object, cwd: Path = ROOT, env: Mapping[str, str] | None = None
    ) -> None:
        self._output = [tempfile.NamedTemporaryFile() for _ in range(2)]  # noqa: SIM115
        request = {
            "module": f"pipeline.{name}",
            "arguments": [str(each) for each in arguments],
            "cwd": str(cwd),
            "environment": dict(os.environ if env is None else env),
            "umask": umask(),
            "output": [file.name for file in self._output],
        }
        pid = server().ask(start=request)
        assert pid is not None
        self.pid = pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        if self.returncode is None:
            self.returncode = server().ask(poll=self.pid)
        return self.returncode

    def wait(self, timeout: float = 600) -> int:
        until = time.monotonic() + timeout
        while (code := self.poll()) is None:
            if time.monotonic() > until:
                self.kill()
                raise subprocess.TimeoutExpired(str(self.pid), timeout)
            time.sleep(0.01)
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def communicate(self, timeout: float = 600) -> tuple[str, str]:
        self.wait(timeout)
        out, err = (Path(file.name).read_text() for file in self._output)
        return out, err


def command(
    name: str, *arguments: object, cwd: Path = ROOT, env: Mapping[str, str] | None = None,
    fresh: bool = False,
) -> Done:  # fmt: skip
    """Run `python -m pipeline.NAME` to its end."""
    if fresh:
        return subprocess.run(
            [sys.executable, "-m", f"pipeline.{name}", *map(str, arguments)],
            cwd=cwd, env=env, capture_output=True, text=True, timeout=600, check=False,
        )  # fmt: skip
    started = Started(name, *arguments, cwd=cwd, env=env)
    stdout, stderr = started.communicate()
    assert started.returncode is not None
    return subprocess.CompletedProcess([name], started.returncode, stdout, stderr)
