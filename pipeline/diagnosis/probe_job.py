"""What the probe of `doctor --probe` does on a node: `python -m ...probe_job FOLDER`.

The first attempt writes what it sees, waits for a warning, and asks to be requeued when it comes.
The second one writes that it was.
"""

import contextlib
import json
import os
import signal
import socket
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

SEEN, WARNED, REQUEUED, SENT = "seen.json", "warned", "requeued", "sent"
WAITS_FOR_WARNING_S = 120.0
POLL_S = 0.5
# As pipeline/executors/slurm_executor.py has it, which needs submitit: a Python without it must be
# able to say so.
REQUEUE = 85
PACKAGES = ("torch", "librosa", "numpy", "submitit", "joblib", "pandas", "h5py", "soundfile")


def look(with_gpu: bool) -> dict[str, Any]:
    """Return what there is to know about this node and the Python on it."""
    return {
        "host": socket.gethostname(),
        "python": ".".join(map(str, sys.version_info[:3])),
        "executable": sys.executable,
        "packages": installed(),
        "cpus": len(os.sched_getaffinity(0)),
        "gpus": _gpus() if with_gpu else [],
    }


def installed() -> dict[str, str | None]:
    """Return the versions of the packages that we need; None for one that is not there."""
    return {name: _version(name) for name in PACKAGES}


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _gpus() -> list[str]:
    with contextlib.suppress(Exception):  # a torch that cannot be imported is told by its version
        import torch

        return [torch.cuda.get_device_name(k) for k in range(torch.cuda.device_count())]
    return []


def main() -> None:
    """Look, wait for the warning, ask to be requeued."""
    folder, with_gpu = Path(sys.argv[1]), sys.argv[2:] == ["--gpu"]
    if os.environ.get("SLURM_RESTART_COUNT", "0") not in ("", "0"):
        (folder / REQUEUED).touch()
        return
    warned: list[int] = []
    signal.signal(signal.SIGUSR2, lambda number, _: warned.append(number))
    unfinished = folder / f".{SEEN}"
    unfinished.write_text(json.dumps(look(with_gpu)))
    unfinished.rename(folder / SEEN)
    waiting_until = time.monotonic() + WAITS_FOR_WARNING_S
    while not warned and time.monotonic() < waiting_until:
        time.sleep(POLL_S)
    if warned:
        (folder / WARNED).touch()
        sys.exit(REQUEUE)


if __name__ == "__main__":
    main()
