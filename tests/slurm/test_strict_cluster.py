"""A cluster that demands account and wckey, hides a partition, binds tasks, and bounds jobs."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipeline.executors import queue
from slurm.testbed.testbed import Testbed
from tests.slurm.cluster import ROOT, Cluster
from tests.slurm.test_shells_on_slurm import OF_A_STEP, launch_with

pytestmark = pytest.mark.slurm
Expected = Callable[[Path], bytes]

SETTINGS = {
    "TaskPlugin": "task/affinity",
    "AccountingStorageEnforce": "associations,limits,wckeys",
    "TrackWCKey": "yes",
    "EnforcePartLimits": "ALL",
    "PartitionName=course": (
        "Nodes=ALL Hidden=YES AllowAccounts=course DefMemPerCPU=500 MaxTime=1-0"
    ),
}
NOBODY = 65_534
IN_THE_COURSE = (
    "--site-set", "partition=course", "--site-set", "account=course", "--site-set", "wckey=study",
)  # fmt: skip


def account_manager(testbed: Testbed, *command: str) -> None:
    subprocess.run(
        ["sacctmgr", "--immediate", *command],
        env=testbed.environment, capture_output=True, text=True, check=True,
    )  # fmt: skip


@pytest.fixture(scope="module")
def strict(testbed: Testbed) -> Iterator[Testbed]:
    account_manager(testbed, "add", "account", "course")
    for user in ("root", "nobody"):
        account_manager(testbed, "add", "user", user, "account=course", "wckeys=study")
    testbed.reconfigure(SETTINGS)
    yield testbed
    testbed.reconfigure({})
    account_manager(testbed, "delete", "user", "nobody")
    account_manager(testbed, "delete", "account", "course")


@pytest.fixture
def course(strict: Testbed, cluster: Cluster) -> Cluster:
    """The strict cluster; depends on it first, so that it is set up before any job is."""
    return cluster


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (("partition=course", "account=course", "wckey=nope"), "set `wckey`"),
        (("partition=course", "wckey=study"), "set `account`"),
        (("account=nobodys",), "set `account`"),
    ],
)
def test_what_the_cluster_demands_is_asked_for_before_the_first_job(
    course: Cluster, tiny_grid: Path, made_clips: Path, settings: tuple[str, ...], said: str
) -> None:
    chosen = [word for setting in settings for word in ("--site-set", setting)]
    refused = course.launch("--grid", tiny_grid, "--data", made_clips, *chosen)
    assert refused.returncode == 2, refused.stdout
    assert "Slurm refuses the extract stage" in refused.stderr
    assert said in refused.stderr
    assert not course.queue()


def test_a_job_that_asks_for_two_cpus_has_two_wherever_it_was_launched(course: Cluster) -> None:
    assert len(os.sched_getaffinity(0)) > 1, "on one CPU nobody can see what a task is bound to"
    tiers = "tiers=[{name: small, mem_gb: 1, timeout_min: 60, cpus: 2}]"
    asked = ("--site-set", tiers, "--site-set", "tier_of={}", *IN_THE_COURSE)
    done = subprocess.run(
        [sys.executable, "-m", "pipeline.doctor", "--out", str(course.out), "--probe", *asked,
         "--site", "testbed", "--json"],
        env=course.environment | OF_A_STEP, cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    found = {each["subject"]: each["said"] for each in json.loads(done.stdout)}
    assert found["CPUs"] == "2 of 2 asked for", found


def test_from_a_step_a_launch_works_as_from_a_login_shell(
    course: Cluster, expected: Expected, tiny_grid: Path, made_clips: Path
) -> None:
    arguments = ("--grid", tiny_grid, "--data", made_clips, *IN_THE_COURSE)
    launched = launch_with(course, OF_A_STEP, *arguments)
    assert launched.returncode == 0, launched.stderr
    again = launch_with(course, OF_A_STEP, *arguments)
    assert "Nothing was submitted." in again.stdout, again.stdout + again.stderr
    course.drain()
    assert (course.out / "submission.csv").read_bytes() == expected(tiny_grid)


def test_a_job_in_a_hidden_partition_is_seen(course: Cluster) -> None:
    name = queue.job_name(course.out, "train-small")
    submitted = subprocess.run(
        [
            "sbatch", "--parsable", "--partition=course", "--account=course", "--wckey=study",
            f"--job-name={name}", "--output=/dev/null", "--chdir=/", "--wrap=sleep 120",
        ],
        env=course.environment, user=NOBODY, group=NOBODY, extra_groups=[], cwd="/",
        capture_output=True, text=True,
    )  # fmt: skip
    assert submitted.returncode == 0, submitted.stderr
    job = submitted.stdout.strip()

    def squeue(*arguments: str) -> str:
        return subprocess.run(
            ["squeue", "--noheader", "--format=%i", *arguments],
            env=course.environment, user=NOBODY, group=NOBODY, extra_groups=[],
            capture_output=True, text=True, check=True,
        ).stdout.strip()  # fmt: skip

    try:
        assert (squeue(), squeue("--all")) == ("", job)
        assert seen_by(NOBODY, course.out) == [job]
    finally:
        course.command("scancel", job)


def seen_by(user: int, out: Path) -> list[str]:
    """Return the jobs of an output that another user's launch sees."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.setuid(user)
        os.write(writing, " ".join(job.id for job in queue.queued(out)).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as answer:
        found = answer.read().split()
    os.waitpid(child, 0)
    return found


@pytest.fixture
def of_six_jobs(course: Cluster) -> Iterator[Cluster]:
    """The cluster, where a user may have six jobs in the queue."""
    account_manager(course.testbed, "modify", "user", "root", "set", "MaxSubmitJobs=6")
    yield course
    account_manager(course.testbed, "modify", "user", "root", "set", "MaxSubmitJobs=-1")


def test_of_an_array_above_the_limit_of_jobs_as_many_tasks_are_submitted_as_fit(
    of_six_jobs: Cluster, expected: Expected, tiny_grid: Path, made_clips: Path
) -> None:
    tiny_grid.write_text(tiny_grid.read_text().replace("[0.9, 0.5]", "[0.9, 0.7, 0.5, 0.3]"))
    arguments = ("--grid", tiny_grid, "--data", made_clips, *IN_THE_COURSE)
    launched = of_six_jobs.launch(*arguments)
    assert launched.returncode == 1
    assert "AssocMaxSubmitJobLimit" in launched.stderr
    assert "Your limit is 6 queued jobs" in launched.stderr
    assert "of stage train and all later stages were not submitted" in launched.stdout
    queued = [line.split()[1] for line in of_six_jobs.queue()]
    assert 0 < sum("train" in name for name in queued) < 4
    assert len(queued) == 6
    for _ in range(5):
        of_six_jobs.drain()
        again = of_six_jobs.launch(*arguments)
        if again.returncode == 0:
            break
    assert again.returncode == 0, again.stderr
    of_six_jobs.drain()
    assert (of_six_jobs.out / "submission.csv").read_bytes() == expected(tiny_grid)
