"""The launch on a real Slurm: the graph, the bytes, what is queued twice and what is not."""

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from jobs.data.workspace import Workspace
from pipeline.executors.queue import job_name
from pipeline.planning.grid import read_grid
from pipeline.planning.opening import open_plan
from pipeline.planning.site import load_site
from pipeline.stages.graph import STAGES
from tests.slurm.cluster import Cluster

pytestmark = pytest.mark.slurm
Expected = Callable[[Path], bytes]


@pytest.fixture
def two_tiers(tiny_grid: Path) -> Path:
    text = tiny_grid.read_text().partition("sweep:")[0]
    tiny_grid.write_text(f"{text}zip: {{momentum: [0.9, 0.5, 0.3], tier: [small, small, large]}}\n")
    return tiny_grid


def test_the_graph_is_the_planned_one_and_the_bytes_are_the_debug_executors(
    cluster: Cluster, expected: Expected, two_tiers: Path, made_clips: Path
) -> None:
    started = time.monotonic()
    launched = cluster.launch("--grid", two_tiers, "--data", made_clips)
    assert launched.returncode == 0, launched.stderr
    assert time.monotonic() - started < 30
    assert (cluster.out / "logs").stat().st_mode & 0o077 == 0

    again = cluster.launch("--grid", two_tiers, "--data", made_clips)
    assert "Nothing was submitted." in again.stdout, again.stdout + again.stderr

    cluster.drain()

    def jobs_of_this_output() -> dict[str, list[str]]:
        rows = cluster.accounting("JobName,State,ReqMem")
        return {row[0]: row[1:] for row in rows if row[0].startswith(job_name(cluster.out, ""))}

    # Accounting hears of an end a moment later than the queue.
    cluster.wait_until(lambda: "RUNNING" not in {row[0] for row in jobs_of_this_output().values()})
    jobs = jobs_of_this_output()
    assert {name.split("-", 2)[2] for name in jobs} == {
        "extract",
        "index",
        "audit",
        "train-small",
        "train-large",
        "predict",
        "vote",
        "estimate",
        "report",
    }
    assert (cluster.out / "submission.csv").read_bytes() == expected(two_tiers)
    stages = cluster.status()["stages"]
    assert stages == {
        "extract": {"done": 2}, "index": {"done": 1}, "audit": {"done": 1},
        "train": {"done": 3}, "predict": {"done": 1}, "vote": {"done": 1}, "estimate": {"done": 1},
        "report": {"done": 1},
    }  # fmt: skip
    assert {state for state, _ in jobs.values()} == {"COMPLETED"}
    memory = {name.split("-", 2)[2]: memory for name, (_, memory) in jobs.items()}
    assert (memory["train-small"], memory["train-large"]) == ("4G", "8G")
    assert "Nothing to do" in cluster.launch("--grid", two_tiers, "--data", made_clips).stdout


def test_arrays_are_split_and_a_single_item_is_handled_like_many(
    cluster: Cluster, expected: Expected, tiny_grid: Path, made_clips: Path
) -> None:
    tiny_grid.write_text(tiny_grid.read_text().replace("shards: 1", "shards: 5"))
    common = ("--grid", tiny_grid, "--data", made_clips)
    launched = cluster.launch(*common, "--site-set", "max_array_size=2")
    assert launched.returncode == 0, launched.stderr
    sizes = [line.split()[-2] for line in launched.stdout.splitlines() if "extract   " in line]
    assert sizes[-4:] == ["2", "2", "2", "1"]  # five shards of labelled clips, two of test clips
    cluster.drain()
    assert (cluster.out / "submission.csv").read_bytes() == expected(tiny_grid)


def test_the_largest_array_is_asked_from_slurm(cluster: Cluster) -> None:
    config = cluster.command("scontrol", "show", "config").stdout
    assert f"MaxArraySize            = {cluster.testbed.max_array_size}" in config


def test_two_launches_at_once_submit_each_item_once(
    cluster: Cluster, tiny_grid: Path, made_clips: Path
) -> None:
    import sys

    command = [
        sys.executable, "-m", "pipeline.launch", "--grid", str(tiny_grid), "--data",
        str(made_clips), "--out", str(cluster.out), "--executor", "slurm",
    ]  # fmt: skip
    both = [subprocess.Popen(command, env=cluster.environment) for _ in range(2)]
    assert [process.wait(60) for process in both] == [0, 0]
    records = list((cluster.out / "launch" / "jobs").glob("*.json"))
    # An array each, but for those of a halving.
    assert len(records) == len([each for each in STAGES if not each.name[-1].isdigit()])
    cluster.drain()
    assert (cluster.out / "submission.csv").exists()


def test_jobs_of_a_launcher_that_died_before_its_record_are_replaced(
    cluster: Cluster, expected: Expected, tiny_grid: Path, made_clips: Path
) -> None:
    command = ("--grid", tiny_grid, "--data", made_clips)
    assert cluster.launch(*command).returncode == 0
    orphans = {line.split()[0].split("_")[0] for line in cluster.queue()}
    for record in (cluster.out / "launch" / "jobs").iterdir():
        record.unlink()
    assert cluster.launch(*command).returncode == 0
    cluster.wait_until(
        lambda: not orphans & {line.split()[0].split("_")[0] for line in cluster.queue()}, 60
    )
    cluster.drain()
    assert (cluster.out / "submission.csv").read_bytes() == expected(tiny_grid)


def test_other_settings_are_refused_while_jobs_work_and_cancel_ends_only_these(
    cluster: Cluster, tiny_grid: Path, made_clips: Path
) -> None:
    stranger = cluster.command("sbatch", "--parsable", "--wrap", "sleep 60").stdout.strip()
    command = ("--grid", tiny_grid, "--data", made_clips)
    assert cluster.launch(*command).returncode == 0
    refused = cluster.launch(*command, "--set", "epochs=9")
    assert refused.returncode == 2
    assert "pipeline.cancel" in refused.stderr
    here = cluster.pipeline("launch", *command, "--out", cluster.out, "--executor", "debug")
    assert here.returncode == 2
    assert "are queued or running" in here.stderr
    cancelled = cluster.pipeline("cancel", cluster.out)
    assert cancelled.returncode == 0
    cluster.wait_until(lambda: len(cluster.queue()) == 1, 60)
    assert cluster.queue()[0].split()[0] == stranger


def test_a_site_that_demands_an_account_refuses_before_anything_is_submitted(
    cluster: Cluster, tiny_grid: Path, made_clips: Path
) -> None:
    refused = cluster.launch("--grid", tiny_grid, "--data", made_clips, "--site", "torch")
    assert refused.returncode == 2
    assert "site torch demands `account`, which is empty" in refused.stderr
    assert not cluster.queue()
    assert not cluster.out.exists()


def test_a_pickle_that_somebody_else_put_in_place_of_ours_is_not_run(
    cluster: Cluster, tiny_grid: Path, made_clips: Path, tmp_path: Path
) -> None:
    cluster.command("scontrol", "update", "partition=main", "state=down")
    try:
        launched = cluster.launch("--grid", tiny_grid, "--data", made_clips)
        assert launched.returncode == 0, launched.stderr
        for planted in cluster.out.glob("logs/submitit/*_submitted.pkl"):
            os.chown(planted, 40_001, 40_001)
    finally:
        cluster.command("scontrol", "update", "partition=main", "state=up")
    cluster.drain()
    assert not list(cluster.out.glob("logs/*.log"))
    assert not list(cluster.out.glob("features/*"))
    said = [path.read_text() for path in cluster.out.glob("logs/submitit/*.err")]
    assert said
    assert all("was written by user 40001" in text for text in said)


def test_a_path_that_would_break_out_of_a_script_is_refused(
    cluster: Cluster, tiny_grid: Path, made_clips: Path, tmp_path: Path
) -> None:
    for name in ("50%", "a\ntouch stolen", "a\\b"):
        cluster.out = tmp_path / name
        refused = cluster.launch("--grid", tiny_grid, "--data", made_clips)
        assert refused.returncode == 2
        assert "neither %, \\ nor line breaks" in refused.stderr
    assert not cluster.queue()


def test_odd_but_honest_paths_and_names_work(
    cluster: Cluster, expected: Expected, tiny_grid: Path, made_clips: Path, tmp_path: Path
) -> None:
    text = tiny_grid.read_text().partition("sweep:")[0]
    tiny_grid.write_text(f"{text}runs: [{{name: \"$(touch stolen); 'x' `id`\"}}]\n")
    cluster.out = tmp_path / "my out $(touch stolen) 'é'"
    assert cluster.launch("--grid", tiny_grid, "--data", made_clips).returncode == 0
    cluster.drain()
    assert (cluster.out / "submission.csv").read_bytes() == expected(tiny_grid)
    assert not list(tmp_path.rglob("stolen"))


def test_the_sbatch_files_make_what_launch_makes(
    cluster: Cluster, expected_output: Callable[[Path], Path], sharded_grid: Path,
    made_clips: Path, tmp_path: Path,
) -> None:  # fmt: skip
    wanted = expected_output(sharded_grid)
    root = Path(__file__).parent.parent.parent
    exports = f"ALL,GRID={sharded_grid},DATA={made_clips},OUT={cluster.out}"
    common = ("sbatch", "--parsable", f"--export={exports}", f"--output={tmp_path}/%j.log")
    some = cluster.command(*common, "--array=1,3", root / "slurm" / "extract.sbatch")
    assert some.returncode == 0, some.stderr
    cluster.drain()
    # Exactly these two; the task of the lower number says what nobody does.
    assert len(list(cluster.out.rglob("shard-*.h5"))) == 2
    said = " ".join(" ".join(path.read_text().split()) for path in tmp_path.glob("*.log"))
    assert "left out by this array: shard 0 of 3 of the labelled clips, shard 2 of 3" in said
    extract = cluster.command(*common, "--array=0-1", root / "slurm" / "extract.sbatch")
    assert extract.returncode == 0, extract.stderr
    cluster.drain()
    ours, theirs = (
        {str(path.relative_to(out)): path.read_bytes() for path in out.rglob("shard-*.h5")}
        for out in (cluster.out, wanted)
    )
    assert ours == theirs
    job = cluster.command(*common, "--array=0-1", "--mem=2G", root / "slurm" / "train.sbatch")
    after = f"--dependency=afterany:{job.stdout.strip()}"
    assert cluster.command(*common, after, root / "slurm" / "vote.sbatch").returncode == 0
    cluster.drain()
    name = "submission.csv"
    assert (cluster.out / name).read_bytes() == (wanted / name).read_bytes()
    found = cluster.launch("--grid", sharded_grid, "--data", made_clips)
    assert "Nothing to do" in found.stdout


def test_runs_that_share_a_job_are_told_apart_and_one_fails_alone(
    cluster: Cluster, expected: Expected, tiny_grid: Path, made_clips: Path
) -> None:
    text = tiny_grid.read_text().replace("[0.9, 0.5]", "[0.9, 0.5, 0.3]")
    tiny_grid.write_text(f"{text}runs_per_gpu: 2\n")
    opened = open_plan(
        read_grid(tiny_grid), made_clips, Workspace(cluster.out), load_site("testbed")
    )
    obstacle = cluster.out / "runs" / opened.plan.runs[1].signature / "history.csv"
    obstacle.mkdir(parents=True)
    command = ("--grid", tiny_grid, "--data", made_clips)
    assert cluster.launch(*command).returncode == 0
    cluster.drain()
    items = cluster.items("train")
    assert [item["state"] for item in items] == ["done", "failed", "done"]
    assert "history.csv" in items[1]["detail"]
    assert "Traceback" in Path(items[1]["log"]).read_text()
    name = job_name(cluster.out, "train-small")
    jobs = [row for row in cluster.accounting("JobID,JobName,State,AllocCPUS") if row[1] == name]
    assert [(row[0].split("_")[1], *row[2:]) for row in jobs] == [
        ("0", "FAILED", "2"),
        ("1", "COMPLETED", "2"),
    ]
    obstacle.rmdir()
    assert cluster.launch(*command).returncode == 0
    cluster.drain()
    assert (cluster.out / "submission.csv").read_bytes() == expected(tiny_grid)
