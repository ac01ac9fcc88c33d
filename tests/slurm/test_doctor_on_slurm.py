"""doctor says before a launch what would be found out in the queue."""

import json
import shlex
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.slurm.cluster import Cluster

pytestmark = pytest.mark.slurm
Expected = Callable[[Path], bytes]


def levels(cluster: Cluster, *arguments: object) -> dict[str, tuple[str, str]]:
    """Return level and words of each finding, by its subject."""
    done = cluster.pipeline("doctor", "--out", cluster.out, "--json", *arguments)
    found = json.loads(done.stdout)
    worst = "failure" if any(each["level"] == "failure" for each in found) else "ok"
    assert done.returncode == (1 if worst == "failure" else 0), done.stderr
    return {each["subject"]: (each["level"], each["said"]) for each in found}


@pytest.mark.parametrize("word", ["exec", ""])
def test_the_probe_tells_a_wrapper_that_keeps_signals_to_itself(
    cluster: Cluster, tmp_path: Path, word: str
) -> None:
    wrapper = tmp_path / "wrapper.sh"
    # More follows the Python, so that no shell replaces itself by it on its own.
    last = "" if word else "\necho the end"
    wrapper.write_text(f'#!/bin/bash\n{word} {shlex.quote(sys.executable)} "$@"{last}\n')
    found = levels(cluster, "--probe", "--site-set", f"python=bash {wrapper}")
    assert found["python of jobs"][0] == "ok"
    assert found["packages of jobs"][0] == "ok"
    assert found["node"][0] == "ok"
    if word:
        assert found["warning"] == (
            "ok", "the signal before a time limit reaches a job's Python"
        )  # fmt: skip
        assert found["requeue"][0] == "ok"
        assert found["GPU"][0] == "warning"  # the testbed's are pretended
    else:
        assert found["warning"] == ("failure", "a signal does not reach the Python of a job")
    assert not cluster.queue()
    assert not (cluster.out / "doctor").exists()


def test_a_python_without_torch_is_found_on_the_node(cluster: Cluster, tmp_path: Path) -> None:
    bare = tmp_path / "bare.sh"
    bare.write_text('#!/bin/bash\nexec python3 -S -E "$@"\n')
    wrapper = f"python=bash {bare}"
    found = levels(cluster, "--probe", "--site-set", wrapper)
    assert found["packages of jobs"][0] == "failure", found
    assert "torch" in found["packages of jobs"][1]


@pytest.mark.parametrize(
    ("arguments", "subject", "said"),
    [
        (("--site", "torch"), "site torch", "demands `account`"),
        (("--site-set", "partition=nowhere"), "stage extract", "`sinfo -s`"),
        (("--site-set", "vote={mem_gb: 9000, timeout_min: 5}"), "stage vote", "no node has that"),
        (("--site-set", "python=bash nowhere/wrapper.sh"), "python of jobs", "which is not there"),
    ],
)
def test_what_a_site_asks_in_vain_is_named(
    cluster: Cluster, arguments: tuple[str, ...], subject: str, said: str
) -> None:
    level, words = levels(cluster, *arguments)[subject]
    assert level == "failure"
    assert said in words


def test_a_new_site_runs_a_grid_as_it_is_written(
    cluster: Cluster, expected: Expected, tiny_grid: Path, made_clips: Path, tmp_path: Path
) -> None:
    root = Path(__file__).parents[2]
    command = (sys.executable, "-m", "pipeline.doctor", "--new-site", "mine")
    environment = f"PYTHONPATH={root}"
    written = cluster.command("env", environment, *command, cwd=tmp_path)
    assert written.returncode == 0, written.stderr
    site = tmp_path / "mine.yaml"
    again = cluster.command("env", environment, *command, cwd=tmp_path)
    assert "is there already" in again.stderr
    arguments = ("--grid", tiny_grid, "--data", made_clips, "--site", site)
    launched = cluster.launch(*arguments)
    assert launched.returncode == 0, launched.stderr + site.read_text()
    cluster.drain()
    assert (cluster.out / "submission.csv").read_bytes() == expected(tiny_grid)
