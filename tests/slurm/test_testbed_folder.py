"""The testbed, which runs as root, touches no folder and no process but its own."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from slurm.testbed import folder
from slurm.testbed.machine import TestbedError
from slurm.testbed.processes import is_of
from slurm.testbed.testbed import Testbed

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("verb", ["start", "stop"])
@pytest.mark.parametrize("marker", [False, True])
def test_a_folder_that_it_did_not_make_is_left_as_it_is(
    tmp_path: Path, verb: str, marker: bool
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "thesis.tex").write_text("years of work")
    if marker:
        (home / folder.MARKER).symlink_to("thesis.tex")
    done = subprocess.run(
        [sys.executable, "-m", "slurm.testbed.testbed", verb],
        env=os.environ | {"CLIP_TESTBED": str(home)}, cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert (home / "thesis.tex").read_text() == "years of work"


@pytest.mark.parametrize("value", ["", ".", "testbed", "/var/tmp/../../root"])
def test_only_an_absolute_path_is_taken(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("CLIP_TESTBED", value)
    with pytest.raises(TestbedError, match="must be an absolute path"):
        Testbed.default()


@pytest.mark.skipif(os.geteuid() != 0, reason="NOT RUN: the testbed runs as root")
def test_its_own_folder_is_removed_and_nothing_that_a_link_in_it_names(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "a").touch()
    root = tmp_path / "testbed"
    folder.make(root)
    (root / "state").mkdir()
    (root / "state" / "job").touch()
    (root / "link").symlink_to(outside)
    folder.remove(root)
    assert not root.exists()
    assert (outside / "a").exists()
    folder.remove(root)  # nothing there: nothing to do


def test_a_folder_that_is_there_already_is_not_taken_over(tmp_path: Path) -> None:
    (tmp_path / "testbed").mkdir()
    with pytest.raises(FileExistsError):
        folder.make(tmp_path / "testbed")


@pytest.mark.parametrize(
    ("config", "ours"), [("/t/bed/etc/slurm.conf", True), ("/t/bed/etc/slurm.conf.old", False)]
)
def test_processes_are_told_by_their_exact_configuration(config: str, ours: bool) -> None:
    environment = {"SLURM_CONF": config, "SLURMD_NODENAME": "cpu1"}
    process = subprocess.Popen(["sleep", "60"], env=environment)
    try:
        # Popen returns once the program is executed, a moment before its environment can be read.
        while not Path(f"/proc/{process.pid}/environ").read_bytes():
            time.sleep(0.01)
        assert is_of(process.pid, Path("/t/bed"), Path("/t/bed/etc/slurm.conf")) is ours
    finally:
        process.kill()
        process.wait()
