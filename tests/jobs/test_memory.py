"""How much memory a process may take."""

from pathlib import Path

import pytest

from jobs import memory
from jobs.memory import memory_limit


def test_the_memory_of_a_control_group_is_a_limit(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    inner = tmp_path / "outer" / "inner"
    inner.mkdir(parents=True)
    (inner / "memory.max").write_text("max\n")
    (inner.parent / "memory.max").write_text("123456789\n")
    listing = tmp_path / "cgroup"
    listing.write_text("0::/outer/inner\n")
    monkeypatch.setattr(memory, "OWN_CGROUP", listing)
    monkeypatch.setattr(memory, "CGROUPS", tmp_path)
    assert memory_limit() == 123_456_789


def test_the_memory_of_a_slurm_job_is_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    unlimited = memory_limit()
    assert unlimited > 10**8
    monkeypatch.setenv("SLURM_MEM_PER_NODE", "10")
    assert memory_limit() == 10 * 2**20
    monkeypatch.setenv("SLURM_MEM_PER_NODE", "0")  # all of the node
    assert memory_limit() == pytest.approx(unlimited, rel=0.2)
