"""A canary goes first: the rest waits for it, and is cancelled with the reason if it fails."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.executors.queue import job_name
from tests.slurm.cluster import Cluster

pytestmark = pytest.mark.slurm
Expected = Callable[[Path], bytes]


def test_the_rest_starts_when_the_canary_has_ended_and_is_what_it_would_be_without(
    cluster: Cluster, expected: Expected, tiny_grid: Path, made_clips: Path
) -> None:
    arguments = ("--grid", tiny_grid, "--data", made_clips, "--canary")
    launched = cluster.launch(*arguments)
    assert launched.returncode == 0, launched.stderr
    assert "of a small launch must finish first" in launched.stdout
    cluster.drain()
    assert (cluster.out / "submission.csv").read_bytes() == expected(tiny_grid)
    assert (cluster.out / "canary" / "submission.csv").exists()
    rows = cluster.accounting("JobName,Start,End")
    ours, canarys = job_name(cluster.out, ""), job_name(cluster.out / "canary", "")
    first = min(start for name, start, _ in rows if name.startswith(ours))
    last = max(end for name, _, end in rows if name.startswith(canarys))
    assert last <= first
    assert "Nothing to do" in cluster.launch(*arguments).stdout


def test_a_canary_that_fails_cancels_the_rest_with_the_reason(
    cluster: Cluster, tiny_grid: Path, made_clips: Path
) -> None:
    typo = ("--site-set", 'setup=["source /nowhere/conda.sh || exit 3"]')
    launched = cluster.launch("--grid", tiny_grid, "--data", made_clips, "--canary", *typo)
    assert launched.returncode == 0, launched.stderr
    cluster.drain(120)
    # Accounting hears of jobs that never started some seconds later.
    told = {
        "cancelled, because the canary failed; status of its folder `canary` says why",
        "to be done again after the stages before it",  # there is nothing to predict yet
    }
    cluster.wait_until(lambda: {i["detail"] for i in cluster.status()["items"]} == told, 60)
    assert {i["state"] for i in cluster.items("extract")} == {"failed"}
    assert not list(cluster.out.glob("logs/*.log"))
    of_canary = cluster.pipeline("status", cluster.out / "canary").stdout
    assert "/nowhere/conda.sh: No such file" in of_canary
