"""Successive halving on a real Slurm: all jobs at once, killed, requeued, out of memory."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.grids import TINY_NET
from tests.slurm.cluster import Cluster

pytestmark = pytest.mark.slurm
Expected = Callable[[Path], bytes]
HALVED = (
    f"{TINY_NET}epochs: 4\n"
    + """\
halving: 2
runs:
  - {name: a, lr: 0.05}
  - {name: b, lr: 0.01}
  - {name: c, lr: 0.02}
  - {name: d, lr: 1e-5}
"""
)
# The last tier is the largest by its place, and too small for any run.
TIERS = (
    "tiers=[{name: small, mem_gb: 3, timeout_min: 9}, {name: large, mem_gb: 0.15, timeout_min: 9}]"
)
TOO_LARGE = "  - {name: e, lr: 0.03, tier: large}\n"


def test_killed_requeued_and_without_memory_the_rungs_are_those_of_an_undisturbed_launch(
    cluster: Cluster, expected_output: Callable[[Path], Path], made_clips: Path, tmp_path: Path
) -> None:
    undisturbed, grid = tmp_path / "undisturbed.yaml", tmp_path / "halved.yaml"
    text = HALVED.replace("epochs: 4", "epochs: 120")
    undisturbed.write_text(text)
    grid.write_text(text + TOO_LARGE)
    command = ("--grid", grid, "--data", made_clips, "--site-set", TIERS)
    launched = cluster.launch(*command)
    assert launched.returncode == 0, launched.stderr
    assert "rung-2" in launched.stdout  # everything is submitted at once
    cluster.wait_until(lambda: len(list(cluster.out.glob("runs/*/state-*.pt"))) >= 4)
    cluster.kill_a_task("train-small")
    cluster.command("scontrol", "requeue", cluster.running("train-small")[0])
    cluster.drain()
    # The run that was killed is not queued anew by Slurm: the rung waits for it.
    (rung,) = cluster.items("rung-1")
    assert rung["state"] == "failed"
    assert "rung 1 is undecided" in rung["detail"]
    assert {item["state"] for item in cluster.items("train-2")} == {"failed"}
    assert cluster.launch(*command).returncode == 0
    cluster.drain()

    whole = expected_output(undisturbed)
    ranked = [
        json.loads((out / "launch" / "rung-1.json").read_text()) for out in (cluster.out, whole)
    ]
    assert ranked[0]["tiers"]["small"] == ranked[1]["tiers"]["small"]
    assert [line["failed"] for line in ranked[0]["tiers"]["large"]] == [
        "out of memory in the largest tier"
    ]
    assert (cluster.out / "submission.csv").read_bytes() == (whole / "submission.csv").read_bytes()
    assert "Nothing to do" in cluster.launch(*command).stdout
    ended = [
        p.read_text().count("ended: all") for p in (cluster.out / "logs").glob("train-3-*.log")
    ]
    assert sum(ended) == 1


def test_a_rung_that_waits_is_submitted_anew_to_wait_for_a_run_that_is_trained_again(
    cluster: Cluster, made_clips: Path, tmp_path: Path
) -> None:
    grid = tmp_path / "halved.yaml"
    grid.write_text(HALVED.replace("epochs: 4", "epochs: 60"))
    # One after the other, so that the others still wait when the first is killed.
    command = ("--grid", grid, "--data", made_clips, "--site-set", "concurrency=1")
    assert cluster.launch(*command).returncode == 0
    cluster.wait_until(lambda: list(cluster.out.glob("runs/*/state-*.pt")))
    before = {line.split()[0] for line in cluster.queue() if "rung-1" in line}
    cluster.kill_a_task("train-small")
    cluster.wait_until(lambda: {i["state"] for i in cluster.items("train")} >= {"failed"})
    # What is submitted now begins when the others have ended long ago.
    later = ("--site-set", "sbatch.begin=now+30")
    assert cluster.launch(*command, *later).returncode == 0
    after = {line.split()[0] for line in cluster.queue() if "rung-1" in line}
    assert before
    assert after
    assert not before & after
    cluster.drain()
    assert (cluster.out / "submission.csv").exists()
    assert "Nothing to do" in cluster.launch(*command).stdout
