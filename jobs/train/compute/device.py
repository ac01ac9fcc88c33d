"""What a run computes on, and the record of it."""

import contextlib
import logging
import os
import platform
from typing import Any

import torch

from jobs.errors import DamagedFileError
from jobs.files import read_json, write_json
from jobs.train.compute.choices import Choices
from jobs.train.config import RunConfig
from jobs.train.run import Run

log = logging.getLogger(__name__)

# What decides over the last bits of a result.
DECISIVE = ("device", "threads", "cpu_capability", "torch")


def prepare_device(config: RunConfig) -> str:
    """Return "cuda" where there is a GPU and else "cpu", after fixing the number of threads.

    The number of threads is set by us and never taken from the machine: sums over another
    number of threads round differently.
    """
    # cuBLAS asks for this before it promises the same bits each time.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.set_num_threads(config.threads)
    return "cuda" if torch.cuda.is_available() else "cpu"


def earlier_choices(run: Run, device: str) -> Choices | None:
    """Return what an earlier attempt of this run chose on the same hardware, if it did."""
    try:
        before = read_json(run.hardware)
        now = describe_hardware(device)
        if all(before.get(name) == now[name] for name in DECISIVE):
            return Choices(**before["choices"])
    except (FileNotFoundError, DamagedFileError, KeyError, TypeError, AttributeError, ValueError):
        pass
    return None


def record_hardware(run: Run, device: str, choices: Choices) -> None:
    """Write hardware.json, and say so if a run goes on where its results are other bits.

    The hardware and versions on which earlier epochs ran are kept in the file.
    """
    now = describe_hardware(device) | {"choices": choices.model_dump(mode="json")}
    earlier: list[dict[str, Any]] = []
    with contextlib.suppress(FileNotFoundError, DamagedFileError):
        before = read_json(run.hardware)
        before = before if isinstance(before, dict) else {}
        earlier = before.pop("earlier", [])
        changed = [name for name in DECISIVE if before.get(name) != now[name]]
        if changed:
            earlier.append(before)
            if run.states():
                told = ", ".join(f"{name}: {before.get(name)} -> {now[name]}" for name in changed)
                log.warning("goes on on other hardware, so bits may differ from now on (%s)", told)
    write_json(run.hardware, now | ({"earlier": earlier} if earlier else {}))


def describe_hardware(device: str) -> dict[str, Any]:
    """Return what a run computes on."""
    return {
        "device": torch.cuda.get_device_name() if device == "cuda" else _cpu_name(),
        "threads": torch.get_num_threads(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "host": platform.node(),
    }


def _cpu_name() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:  # noqa: PTH123
            names = [
                line.split(":", 1)[1].strip() for line in file if line.startswith("model name")
            ]
    except OSError:
        names = []
    return names[0] if names else platform.processor() or platform.machine()
