"""Whatever shell, wrapper or banner stands between user and Slurm: the same jobs and bytes."""

import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.executors.queue import job_name
from tests.slurm.cluster import ROOT, Cluster

pytestmark = pytest.mark.slurm
Expected = Callable[[Path], bytes]

# As an interactive step leaves them, and as people write them into their profiles.
OF_A_STEP = {
    "SLURM_JOB_ID": "7", "SLURM_CPU_BIND": "quiet,mask_cpu:0x1", "SLURM_CPU_BIND_LIST": "0x1",
    "SLURM_CPU_BIND_TYPE": "mask_cpu:", "SLURM_MEM_PER_CPU": "900", "SLURM_CPUS_PER_TASK": "1",
    "SLURM_NTASKS": "4", "SLURM_JOB_NODELIST": "cpu1", "SBATCH_EXPORT": "NONE",
    "SBATCH_TIMELIMIT": "1", "SQUEUE_STATES": "COMPLETED", "SQUEUE_FORMAT": "%i",
    "SACCT_FORMAT": "user", "PMI_RANK": "3", "OMP_PROC_BIND": "true",
}  # fmt: skip


def launch_with(
    cluster: Cluster, changed: dict[str, str], *arguments: object
) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "pipeline.launch", *map(str, arguments)]
    return subprocess.run(
        [*command, "--out", str(cluster.out), "--executor", "slurm"],
        env=cluster.environment | changed,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def in_front_of(tmp_path: Path, cluster: Cluster, name: str, script: str) -> dict[str, str]:
    """Put a command into PATH before Slurm's own, which the script finds as $REAL."""
    folder = tmp_path / "bin"
    folder.mkdir(exist_ok=True)
    real = cluster.command("which", name).stdout.strip()
    (folder / name).write_text(f"#!/bin/bash\nREAL={real}\n{script}\n")
    (folder / name).chmod(0o755)
    return {"PATH": f"{folder}:{cluster.environment['PATH']}"}


def test_a_launch_from_an_interactive_step_asks_for_the_same_and_sees_the_same(
    cluster: Cluster, expected: Expected, tiny_grid: Path, made_clips: Path
) -> None:
    arguments = ("--grid", tiny_grid, "--data", made_clips)
    launched = launch_with(cluster, OF_A_STEP, *arguments)
    assert launched.returncode == 0, launched.stderr
    assert "SBATCH_TIMELIMIT in your shell is not passed on to jobs" in launched.stdout
    again = launch_with(cluster, OF_A_STEP, *arguments)
    assert "Nothing was submitted." in again.stdout, again.stdout + again.stderr
    cluster.drain()
    assert (cluster.out / "submission.csv").read_bytes() == expected(tiny_grid)

    def ended() -> set[str]:
        rows = cluster.accounting("JobName,State")
        return {state for name, state in rows if name.startswith(job_name(cluster.out, ""))}

    # Accounting hears of an end a moment later than the queue.
    cluster.wait_until(lambda: "RUNNING" not in ended(), 60)
    assert ended() == {"COMPLETED"}


def test_through_a_wrapper_without_slurms_commands_a_warned_run_is_requeued_and_goes_on(
    cluster: Cluster, expected: Expected, long_grid: Path, made_clips: Path, tmp_path: Path
) -> None:
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    for name in ("scontrol", "squeue", "sbatch", "srun", "scancel", "sacct"):
        (hidden / name).write_text("#!/bin/sh\necho not here >&2; exit 127\n")
        (hidden / name).chmod(0o755)
    wrapper = tmp_path / "wrapper.sh"
    python = shlex.quote(sys.executable)
    wrapper.write_text(f'#!/bin/bash\nexport PATH={hidden}:$PATH\nexec {python} "$@"\n')
    launched = cluster.launch(
        "--grid", long_grid, "--data", made_clips, "--site-set", f"python=bash {wrapper}"
    )
    assert launched.returncode == 0, launched.stderr
    cluster.wait_until(lambda: len(list(cluster.out.glob("runs/*/history.csv"))) == 2)
    # The last task of an array, whose own id is the array's: only it may be requeued.
    last = max(cluster.running("train"))
    assert last.endswith("_1")
    cluster.command("scancel", "--signal=USR2", last)
    cluster.drain()
    shown = [cluster.command("scontrol", "show", "job", f"{last[:-1]}{k}").stdout for k in (0, 1)]
    assert ["Restarts=1" in text for text in shown] == [False, True]
    assert (cluster.out / "submission.csv").read_bytes() == expected(long_grid)
    logs = (cluster.out / "logs").glob("train-*.log")
    assert any("resuming" in path.read_text() for path in logs)
    assert not [item for item in cluster.status()["items"] if item["state"] != "done"]


def test_what_slurm_refuses_in_the_middle_is_said_and_submitted_by_the_same_launch_later(
    cluster: Cluster, expected: Expected, tiny_grid: Path, made_clips: Path, tmp_path: Path
) -> None:
    arguments = ("--grid", tiny_grid, "--data", made_clips)
    full = (
        'case " $* " in *" --test-only "*) exec $REAL "$@";; esac\n'
        'if grep -q -- "-train" "${@: -1}"; then\n'
        '  echo "sbatch: error: AssocMaxSubmitJobLimit" >&2\n'
        '  echo "sbatch: error: Job violates accounting/QOS policy" >&2; exit 1\nfi\n'
        'exec $REAL "$@"'
    )
    launched = launch_with(cluster, in_front_of(tmp_path, cluster, "sbatch", full), *arguments)
    assert launched.returncode == 1
    assert "Slurm refuses the train stage" in launched.stderr
    assert "jobs in the queue" in launched.stderr
    assert "2 tasks of stage train and all later stages were not submitted" in launched.stdout
    assert not list((cluster.out / "launch" / "jobs").glob("**/*.pkl.tmp"))
    # A banner is printed around the answers now, and one sbatch fails after the job is queued.
    banner = (
        'echo "Welcome to job 99 of our cluster"; echo "warning: job 98" >&2\n'
        '$REAL "$@" || exit 1\n'
        'case " $* " in *" --test-only "*) exit 0;; esac\n'
        'if grep -q -- "-vote" "${@: -1}"; then exit 1; fi'
    )
    around = in_front_of(tmp_path, cluster, "sbatch", banner)
    again = launch_with(cluster, around, *arguments)
    assert again.returncode == 0, again.stderr
    assert "sbatch failed after it had queued job" in again.stderr
    cluster.drain()
    assert (cluster.out / "submission.csv").read_bytes() == expected(tiny_grid)


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("partition=nowhere", "`sinfo -s` lists the partitions"),
        ("predict={mem_gb: 9000, cpus: 1, timeout_min: 5}", "no node has that much"),
        ("vote={mem_gb: 1, cpus: 900, timeout_min: 5}", "no node has that much"),
        ("extract={mem_gb: 1, cpus: 1, timeout_min: 5, gres: 'gpu:9'}", "no node has that much"),
        ("extract={mem_gb: 1, cpus: 1, timeout_min: 9000}", "lower `timeout_min`"),
    ],
)
def test_what_no_node_has_is_refused_before_the_first_job(
    cluster: Cluster, tiny_grid: Path, made_clips: Path, setting: str, said: str
) -> None:
    refused = cluster.launch("--grid", tiny_grid, "--data", made_clips, "--site-set", setting)
    assert refused.returncode == 2, refused.stdout
    assert "Slurm refuses the" in refused.stderr
    assert said in refused.stderr
    assert not cluster.queue()


def test_while_squeue_is_silent_nothing_is_called_failed_and_a_watch_goes_on(
    cluster: Cluster, long_grid: Path, made_clips: Path, tmp_path: Path
) -> None:
    assert cluster.launch("--grid", long_grid, "--data", made_clips).returncode == 0
    cluster.wait_until(lambda: cluster.running("train"))
    silent = 'echo "squeue: error: Unable to contact slurm controller" >&2; exit 1'
    around = in_front_of(tmp_path, cluster, "squeue", silent)
    around |= in_front_of(tmp_path, cluster, "sacct", "exit 1")
    watching = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "pipeline.status",
            str(cluster.out),
            "--watch",
            "--every",
            "1",
            "--json",
        ],
        env=cluster.environment | around,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    with pytest.raises(subprocess.TimeoutExpired):
        watching.wait(timeout=8)
    watching.kill()
    shown = watching.communicate()[0]
    assert '"state": "unknown"' in shown
    assert '"state": "failed"' not in shown
