"""Where work runs: on a cluster it is never begun on the login node by mistake."""

from collections.abc import Callable
from pathlib import Path

import pytest

from jobs.data.workspace import Workspace
from jobs.errors import InputError
from pipeline.executors.choosing import Executor, choose_executor
from pipeline.executors.records import JobRecord

Stub = Callable[[str, str], None]


@pytest.fixture(autouse=True)
def laptop(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without Slurm, in the middle of nowhere."""
    for name in ("SLURM_CONF", "SLURM_JOB_ID", "APPTAINER_CONTAINER", "SINGULARITY_CONTAINER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("socket.getfqdn", lambda: "laptop")
    monkeypatch.setattr("pipeline.executors.slurm_command.slurm_is_here", lambda: False)


def choose(root: Path, planning: bool = False) -> Executor:
    return choose_executor(Executor.auto, Workspace(root), planning)


def test_without_slurm_all_is_done_in_this_process(tmp_path: Path) -> None:
    assert choose(tmp_path) is Executor.debug


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("SLURM_CONF", "/etc/slurm/slurm.conf", "SLURM_CONF is set"),
        ("SLURM_JOB_ID", "7", "SLURM_JOB_ID is set"),
        ("APPTAINER_CONTAINER", "/i.sif", r"inside of the container /i\.sif"),
        ("SINGULARITY_CONTAINER", "/i.sif", r"inside of the container /i\.sif"),
    ],
)
def test_a_variable_of_a_cluster_stops_a_launch_that_finds_no_slurm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(InputError, match=f"{said}.*--executor debug"):
        choose(tmp_path)
    assert choose(tmp_path, planning=True) is Executor.debug
    asked = choose_executor(Executor.debug, Workspace(tmp_path), planning=False)
    assert asked is Executor.debug


def test_the_host_name_of_a_site_stops_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.getfqdn", lambda: "log-1.nyu.cluster")
    with pytest.raises(InputError, match="one of the site 'greene'"):
        choose(tmp_path)


def test_slurm_jobs_of_this_output_stop_it(tmp_path: Path) -> None:
    JobRecord(job="7", stage="train", tier=None, items=(0,), plan="p").save(Workspace(tmp_path))
    with pytest.raises(InputError, match="has Slurm jobs of an earlier launch"):
        choose(tmp_path)
