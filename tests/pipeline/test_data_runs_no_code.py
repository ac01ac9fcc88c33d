"""A Python file that lies in a folder of data is never executed by what this project starts."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# What the started processes import, of which the launcher itself imports none before them.
TRAPS = ("soundfile", "numba", "cloudpickle", "torch", "submitit", "soxr")


def set_traps(folder: Path) -> Path:
    """Put modules into the folder that leave a file behind if anybody executes them."""
    sprung = folder / "sprung"
    for name in TRAPS:
        (folder / f"{name}.py").write_text(
            f"import pathlib\npathlib.Path({str(sprung)!r}).write_text({name!r})\n"
            "raise SystemExit('trapped')\n"
        )
    return sprung


# As an installed command starts: of the launcher itself Python would search the current folder.
START = "import runpy, sys; runpy.run_module(sys.argv.pop(1), run_name='__main__', alter_sys=True)"


def run(module: str, *arguments: object, cwd: Path) -> "subprocess.CompletedProcess[str]":
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONSAFEPATH"}
    return subprocess.run(
        [sys.executable, "-P", "-c", START, module, *map(str, arguments)],
        cwd=cwd, env=environment | {"PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip


def test_an_audit_of_the_current_folder_executes_nothing_in_it(own_clips: Path) -> None:
    sprung = set_traps(own_clips)
    done = run("pipeline.audit", ".", cwd=own_clips)
    assert not sprung.exists(), sprung.read_text()
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("executor", ["debug", "local"])
def test_a_launch_from_within_the_data_executes_nothing_in_it(
    own_clips: Path, tiny_grid: Path, tmp_path: Path, executor: str
) -> None:
    sprung = set_traps(own_clips)
    done = run(
        "pipeline.launch", "--grid", tiny_grid, "--data", ".", "--out", tmp_path / "out",
        "--executor", executor, "--set", "epochs=1", cwd=own_clips,
    )  # fmt: skip
    assert not sprung.exists(), sprung.read_text()
    assert done.returncode == 0, done.stdout + done.stderr
