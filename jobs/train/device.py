"""What a run computes on, made to give the same bits each time."""

import os
import platform
from typing import Any

import torch

from jobs.train.config import RunConfig


def prepare_device(config: RunConfig) -> str:
    """Return "cuda" where there is a GPU and else "cpu", after fixing threads and kernels.

    The number of threads is set by us and never taken from the machine: sums over another
    number of threads round differently.
    """
    # cuBLAS asks for this before it promises the same bits each time.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.set_num_threads(config.threads)
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.backends.cudnn.benchmark = False
    return "cuda" if torch.cuda.is_available() else "cpu"


def describe_hardware(device: str) -> dict[str, Any]:
    """Return what hardware.json records."""
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
