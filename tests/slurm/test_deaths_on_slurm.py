"""What clusters do to jobs costs nothing, and status says in words what happened."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from jobs.data.workspace import Workspace
from pipeline.planning.grid import read_grid
from pipeline.planning.opening import open_plan
from pipeline.planning.site import load_site
from tests.slurm.cluster import Cluster

pytestmark = pytest.mark.slurm
Expected = Callable[[Path], bytes]
TINY_TIER = (
    "tiers=[{name: small, mem_gb: 0.15, timeout_min: 9}, {name: large, mem_gb: 3, timeout_min: 9}]"
)


def signature_of(cluster: Cluster, grid: Path, data: Path, run: int) -> str:
    opened = open_plan(read_grid(grid), data, Workspace(cluster.out), load_site("testbed"))
    return opened.plan.runs[run].signature


def test_a_run_that_always_raises_is_told_with_its_log_and_the_rest_votes(
    cluster: Cluster, tiny_grid: Path, made_clips: Path
) -> None:
    signature = signature_of(cluster, tiny_grid, made_clips, run=1)
    (cluster.out / "runs" / signature / "history.csv").mkdir(parents=True)
    assert cluster.launch("--grid", tiny_grid, "--data", made_clips).returncode == 0
    cluster.drain()
    good, bad = cluster.items("train")
    assert (good["state"], bad["state"], bad["cause"]) == ("done", "failed", "error")
    assert "history.csv" in bad["detail"]
    assert "Traceback" in Path(bad["log"]).read_text()
    assert (cluster.out / "submission.csv").exists()


def test_out_of_memory_is_told_as_such_and_retried_in_the_next_tier(
    cluster: Cluster, expected: Expected, tiny_grid: Path, made_clips: Path
) -> None:
    command = ("--grid", tiny_grid, "--data", made_clips, "--site-set", TINY_TIER)
    assert cluster.launch(*command).returncode == 0
    cluster.drain()
    items = cluster.items("train")
    assert {(item["state"], item["cause"]) for item in items} == {("failed", "memory")}
    assert not (cluster.out / "submission.csv").exists()
    names = sorted(item["signature"] for item in items)
    assert cluster.launch(*command, "--retry-oom").returncode == 0
    cluster.drain()
    items = cluster.items("train")
    assert {(item["state"], item["tier"]) for item in items} == {("done", "large")}
    assert sorted(item["signature"] for item in items) == names
    assert (cluster.out / "submission.csv").read_bytes() == expected(tiny_grid)


def test_when_the_index_fails_later_stages_are_cancelled_with_the_reason(
    cluster: Cluster, own_clips: Path, tiny_grid: Path
) -> None:
    labels = (own_clips / "train_label.txt").read_text().split()
    for number in (n for n, label in enumerate(labels) if label == "0"):
        (own_clips / "train_mp3s" / f"{number}.mp3").write_bytes(b"")
    assert cluster.launch("--grid", tiny_grid, "--data", own_clips).returncode == 0
    cluster.drain(120)  # nothing stays pending for ever
    (index,) = cluster.items("index")
    assert index["state"] == "failed"
    assert "no clip of class '0' can be decoded" in index["detail"]
    assert {(item["cause"], item["detail"]) for item in cluster.items("train")} == {
        ("cancelled", "cancelled, because stage index failed")
    }


@pytest.mark.parametrize(
    ("death", "sharing"),
    [
        ("requeue", 1), ("preemption", 1), ("warning", 1), ("kill", 1), ("node", 1),
        ("preemption", 2), ("warning", 2),
    ],
)  # fmt: skip
def test_a_death_in_training_changes_no_byte(
    cluster: Cluster, expected: Expected, long_grid: Path, made_clips: Path, death: str,
    sharing: int,
) -> None:  # fmt: skip
    undisturbed = expected(long_grid)  # of runs that share nothing
    command = ["--grid", long_grid, "--data", made_clips, "--set", f"runs_per_gpu={sharing}"]
    if death == "warning":
        command += ["--site-set", "partition=warned"]
    assert cluster.launch(*command).returncode == 0
    histories = cluster.out.glob
    cluster.wait_until(lambda: len(list(histories("runs/*/history.csv"))) == 2)
    job = cluster.running("train")[0]
    if death == "requeue":
        cluster.command("scontrol", "requeue", job)
    elif death in ("preemption", "warning"):
        cluster.preempt()
    elif death == "kill":
        os.kill(training_process(cluster), signal.SIGKILL)
    else:
        node = cluster.lose_node_of(job)
        cluster.wait_until(lambda: job not in cluster.running("train"), 60)
    cluster.drain()
    if death == "node":
        # Not before: the controller goes on telling a node that was lost to end the job, and one
        # that is back within seconds ends the job's next life.
        cluster.testbed.start_node(node)
    if death == "kill":  # Slurm does not requeue it by itself
        causes = [item["cause"] for item in cluster.items("train")]
        assert causes.count("killed") == 1
        assert cluster.launch(*command).returncode == 0
        cluster.drain()
    assert (cluster.out / "submission.csv").read_bytes() == undisturbed
    if death == "warning":
        # Slurm ends a grace when it next looks, up to half a minute late: a short run may finish
        # in it. What must hold is that the warning came and did no harm.
        errors = [p.read_text() for p in cluster.out.glob("logs/submitit/*_log.err")]
        assert any("SIGTERM" in text or "SIGUSR2" in text for text in errors)
    else:
        logs = (cluster.out / "logs").glob("train-*.log")
        assert any("resuming" in path.read_text() for path in logs)
    ended = sum(p.read_text().count("ended: ") for p in (cluster.out / "logs").glob("train-*.log"))
    assert ended == 2  # no run was trained twice to the end


def training_process(cluster: Cluster) -> int:
    found = cluster.command("pgrep", "-f", f"pipeline.executors.entry {cluster.out}").stdout.split()
    return int(found[-1])


def test_status_works_while_accounting_is_down(
    cluster: Cluster, tiny_grid: Path, made_clips: Path
) -> None:
    signature = signature_of(cluster, tiny_grid, made_clips, run=1)
    (cluster.out / "runs" / signature / "history.csv").mkdir(parents=True)
    assert cluster.launch("--grid", tiny_grid, "--data", made_clips).returncode == 0
    cluster.drain()
    cluster.command("pkill", "-x", "slurmdbd")
    try:
        status = cluster.status()
        assert "sacct does not answer" in status["notes"][0]
        causes = [i["cause"] for i in status["items"] if i["stage"] == "train"]
        assert causes == [None, "error"]
    finally:
        cluster.command("slurmdbd")
        cluster.wait_until(
            lambda: cluster.command("sacctmgr", "-n", "show", "cluster").returncode == 0, 60
        )


def test_two_copies_of_one_job_train_one_run(
    cluster: Cluster, expected: Expected, long_grid: Path, made_clips: Path
) -> None:
    assert cluster.launch("--grid", long_grid, "--data", made_clips).returncode == 0
    cluster.wait_until(lambda: list(cluster.out.glob("runs/*/history.csv")))
    copy = f"from pipeline.executors.task import run; run('train', {str(cluster.out)!r}, 0)"
    done = subprocess.run([sys.executable, "-c", copy], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    cluster.drain()
    assert (cluster.out / "logs" / "train-00000.log").read_text().count("ended: ") == 1
    assert (cluster.out / "submission.csv").read_bytes() == expected(long_grid)
