"""doctor on a machine without a cluster: it says so, and leaves nothing behind."""

import json
from collections.abc import Callable
from pathlib import Path

from pipeline.executors.slurm_command import NO_CONFIGURATION
from tests.commands import Done, command

Stub = Callable[[str, str], None]


def doctor(out: Path, *options: str) -> Done:
    return command("doctor", "--out", out, *options)


def test_without_a_cluster_it_warns_and_leaves_nothing_behind(stub: Stub, tmp_path: Path) -> None:
    for name in ("sbatch", "scontrol"):
        stub(name, f"echo '{name}: fatal: {NO_CONFIGURATION}' >&2; exit 1")
    looked = doctor(tmp_path / "out", "--json")
    assert looked.returncode == 0, looked.stderr
    levels = {each["subject"]: each["level"] for each in json.loads(looked.stdout)}
    assert levels["python here"] == levels["packages here"] == "ok"
    assert levels["Slurm"] == "warning"
    assert not (tmp_path / "out").exists()


def test_an_output_that_cannot_be_written_is_a_failure(stub: Stub, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    looked = doctor(tmp_path / "file" / "out")
    assert looked.returncode == 1
    assert "cannot be written" in looked.stdout


def test_a_silent_controller_is_a_failure_with_a_remedy(stub: Stub, tmp_path: Path) -> None:
    for name in ("sbatch", "scontrol", "squeue", "scancel", "sacct"):
        stub(name, "echo 'Unable to contact slurm controller' >&2; exit 1")
    looked = doctor(tmp_path / "out", "--json")
    assert looked.returncode == 1
    found = {each["subject"]: each for each in json.loads(looked.stdout)}
    assert found["scontrol"]["level"] == "failure"
    assert found["scontrol"]["remedy"]
    assert found["sacct"]["level"] == "warning"
