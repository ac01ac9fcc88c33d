"""Results that were recorded before a change of structure are the same bytes after it.

Each folder beside this file holds the submission.csv and votes.csv of one launch. They are the
same only on the kind of CPU on which they were recorded (cpu.txt), because other kernels round
sums differently; elsewhere these tests say that they did not run. The two that train on real
recordings take minutes and run where GOLDEN is set (`make golden`). `RECORD=1 make golden` records
anew, which belongs into a commit of its own that says why bytes changed.
"""

import os
from pathlib import Path

import pytest

from tests.commands import Launch

HERE = Path(__file__).parent
GRIDS = HERE.parents[1] / "grids"
RESULTS = ("submission.csv", "votes.csv")
CPU_FIELDS = ("vendor_id", "cpu family", "model", "model name", "stepping")


def this_cpu() -> str:
    """Return what distinguishes kinds of CPUs, a line for each field."""
    lines = Path("/proc/cpuinfo").read_text().split("\n\n")[0].splitlines()
    fields = dict(line.split(":", 1) for line in lines if ":" in line)
    values = {name.strip(): value.strip() for name, value in fields.items()}
    return "".join(f"{name}: {values.get(name, '')}\n" for name in CPU_FIELDS)


def compare_or_record(out: Path, name: str) -> None:
    recorded = HERE / name
    if os.environ.get("RECORD"):
        (HERE / "cpu.txt").write_text(this_cpu())
        for result in RESULTS:
            (recorded / result).write_bytes((out / result).read_bytes())
    for result in RESULTS:
        assert (out / result).read_bytes() == (recorded / result).read_bytes(), result


@pytest.fixture(autouse=True)
def same_cpu() -> None:
    if not os.environ.get("RECORD") and (HERE / "cpu.txt").read_text() != this_cpu():
        pytest.skip("NOT RUN: recorded on another kind of CPU, which rounds sums differently")


def test_made_clips(launch: Launch, made_clips: Path, sharded_grid: Path, tmp_path: Path) -> None:
    common = ("--grid", sharded_grid, "--data", made_clips, "--set", "epochs=15")
    done = launch(*common, "--out", tmp_path / "out", "--executor", "debug")
    assert done.returncode == 0, done.stdout + done.stderr
    compare_or_record(tmp_path / "out", "kill")


@pytest.mark.clips
@pytest.mark.parametrize(
    ("name", "grid"), [("smoke", GRIDS / "smoke.yaml"), ("report", HERE / "report.yaml")]
)
def test_real_clips(
    launch: Launch, real_clips: Path, tmp_path: Path, name: str, grid: Path
) -> None:
    if not os.environ.get("GOLDEN"):
        pytest.skip("NOT RUN: takes minutes; `make golden` runs it")
    common = ("--grid", grid, "--data", real_clips, "--executor", "debug")
    done = launch(*common, "--out", tmp_path / "out")
    assert done.returncode == 0, done.stdout + done.stderr
    compare_or_record(tmp_path / "out", name)
