"""A prediction on a real Slurm: an array of clips, killed and requeued, resumed like a launch."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.slurm.cluster import Cluster

pytestmark = pytest.mark.slurm


def test_killed_and_requeued_a_prediction_gives_the_bytes_of_one_in_a_single_process(
    cluster: Cluster, finished: Callable[[Path], None], made_clips: Path, tmp_path: Path
) -> None:
    model, clips = tmp_path / "model", tmp_path / "clips"
    finished(model)
    shutil.copytree(made_clips / "test_mp3s", clips)
    (clips / "bad.mp3").write_bytes(b"no sound at all" * 100)
    plain, out = tmp_path / "plain.csv", tmp_path / "said.csv"
    assert cluster.pipeline("predict", model, clips, "--out", plain).returncode == 0

    jobs = ("--executor", "slurm", "--work", cluster.out, "--per-task", 4)
    command = ("predict", model, clips, "--out", out, *jobs)
    submitted = cluster.pipeline(*command)
    assert submitted.returncode == 0, submitted.stderr
    assert "classify 0 of 4 done" in submitted.stdout
    cluster.wait_until(lambda: len(cluster.running("classify")) >= 2)
    cluster.kill_a_task("classify")
    for job in cluster.running("classify")[:1]:
        cluster.command("scontrol", "requeue", job)
    while_queued = cluster.pipeline(*command)
    assert while_queued.returncode == 0, while_queued.stderr
    assert "killed" in while_queued.stdout + while_queued.stderr
    assert not out.exists()  # of half of the answers no file is made
    cluster.drain()
    done = cluster.pipeline(*command)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "12 clips classified" in done.stdout
    assert "1 clip without a label" in done.stdout
    assert out.read_bytes() == plain.read_bytes()
    assert not cluster.queue()

    (clips / "3.mp3").unlink()  # another list
    fewer = cluster.pipeline(*command)
    assert fewer.returncode == 0, fewer.stderr
    cluster.drain()
    assert "11 clips classified" in cluster.pipeline(*command).stdout
