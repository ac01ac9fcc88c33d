"""What Slurm says is told in words: why a job waits, how it ended, what its log says first."""

import pytest

from pipeline.executors.queue import EndedJob
from pipeline.monitoring.cause import first_error
from pipeline.monitoring.slurm_words import how_ended, why_waiting

IN_A_CONTAINER = """\
slurmstepd: error: execve(): /scratch/me/env/bin/python: No such file or directory
srun: error: gpu1: task 0: Exited with exit code 2
"""
WITH_A_BANNER = """\
Lmod has detected nothing. Welcome!
INFO starting
Traceback (most recent call last):
  File "x.py", line 1, in <module>
    import torch
ModuleNotFoundError: No module named 'torch'
srun: error: gpu1: task 0: Exited with exit code 1
"""
NOT_THERE = """\
/var/spool/slurmd/job7/slurm_script: line 9: conda: command not found
srun: error: task 0 launch failed: Unspecified error
"""
ONLY_THE_END = """\
srun: error: gpu1: task 0: Exited with exit code 2
srun: Terminating StepId=7.0
"""


@pytest.mark.parametrize(
    ("log", "said"),
    [
        (IN_A_CONTAINER, "execve(): /scratch/me/env/bin/python: No such file or directory"),
        (WITH_A_BANNER, "ModuleNotFoundError: No module named 'torch'"),
        (NOT_THERE, "conda: command not found"),
        (ONLY_THE_END, None),
        ("all is well\n", None),
    ],
)
def test_the_cause_is_the_first_error_of_a_log_and_not_its_last_line(
    log: str, said: str | None
) -> None:
    found = first_error(log)
    assert found is None if said is None else said in (found or "")


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("Resources", "next in line for free nodes"),
        ("(Priority)", "other jobs come first"),
        ("DependencyNeverSatisfied", "in vain, for a job that failed; cancel and launch again"),
        ("JobHoldMaxRequeue", "too many requeues"),
        ("QOSGrpGRES", "the limit of all in this qos of GPUs is reached (QOSGrpGRES); it starts"),
        ("AssocGrpGRES", "your account's limit of GPUs is reached"),
        ("QOSMaxJobsPerUserLimit", "your limit in this qos of running jobs is reached"),
        ("QOSMaxCpuPerJobLimit", "waits for ever; ask for less"),
        ("AssocGrpCPUMinutesLimit", "used up; ask for more, or launch with another account"),
        ("AssocGrpCPURunMinutesLimit", "it starts when others"),
        ("QOSMaxWallDurationPerJobLimit", "waits for ever"),
        ("ReqNodeNotAvail, UnavailableNodes:n1", "nodes that fit are down or reserved"),
        ("SomethingNew", "SomethingNew"),
    ],
)
def test_a_reason_for_waiting_has_its_words(reason: str, said: str) -> None:
    assert said in why_waiting(reason)


@pytest.mark.parametrize(
    ("state", "code", "said"),
    [
        ("FAILED", "2:0", "FAILED, exit code 2, a wrong option or file"),
        ("FAILED", "127:0", "the command is not there"),
        ("FAILED", "137:0", "exit code 137, killed by signal 9, as when memory is used up"),
        ("FAILED", "0:9", "FAILED, killed by signal 9 (SIGKILL)"),
        ("FAILED", "0:53", "its log could not be opened"),
        ("FAILED", "3:0", "FAILED, exit code 3"),
        ("COMPLETED", "0:0", "COMPLETED"),
    ],
)
def test_an_end_has_slurms_state_and_the_meaning_of_its_exit_code(
    state: str, code: str, said: str
) -> None:
    assert said in how_ended(EndedJob("7", state, code))
