"""How much host memory there is for this process."""

import contextlib
import os
from pathlib import Path

OWN_CGROUP, CGROUPS = Path("/proc/self/cgroup"), Path("/sys/fs/cgroup")


def memory_limit() -> int:
    """Return how many bytes of host memory this process may still take.

    The least of what Slurm gave the job, what its control groups allow, and what is available.
    """
    limits = [_available()]
    slurm = os.environ.get("SLURM_MEM_PER_NODE", "")
    if slurm.isdigit() and int(slurm):
        limits.append(int(slurm) * 2**20)
    limits += _cgroup_limits()
    return min(limits)


def _available() -> int:
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _cgroup_limits() -> list[int]:
    """Return the limits of this process's control group (version 2) and of those above it."""
    limits = []
    with contextlib.suppress(OSError, IndexError):
        own = OWN_CGROUP.read_text().strip().splitlines()[-1].split("::", 1)[1]
        folder = CGROUPS / own.lstrip("/")
        for group in (folder, *folder.parents):
            with contextlib.suppress(OSError, ValueError):
                limits.append(int((group / "memory.max").read_text()))
    return limits
