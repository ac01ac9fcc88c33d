"""How many jobs a user may have in the queue, where the cluster bounds that."""

import getpass
import os

from pipeline.executors.slurm_command import SlurmError, run

SIGNS = ("MaxSubmitJob", "GrpSubmitJob", "job submit limit", "QOSMaxSubmit", "AssocMaxSubmit")


def room_for_jobs(refusal: str) -> str:
    """Return a sentence on how many more jobs fit, or "" if that is not why Slurm has refused.

    Args:
        refusal: sbatch's words.
    """
    if not any(sign in refusal for sign in SIGNS):
        return ""
    try:
        whose = f"--user={os.getuid()}"
        queued = len(run("squeue", whose, "--all", "--noheader", "--array", "--format=%i").split())
    except SlurmError:
        return ""
    most = _most_jobs()
    if most is None:
        return f"You have {queued} jobs in the queue, each task of an array counted"
    return (
        f"You may have {most} jobs in the queue and have {queued}, each task of an array counted: "
        f"{max(0, most - queued)} more fit"
    )


def _most_jobs() -> int | None:
    """Return the lowest limit of this user's associations; None if there is none that we see."""
    try:
        said = run(
            "sacctmgr", "--noheader", "--parsable2", "show", "association", "where",
            f"user={getpass.getuser()}", "format=MaxSubmitJobs,GrpSubmitJobs",
        )  # fmt: skip
    except (SlurmError, OSError, KeyError):
        return None
    limits = [int(text) for line in said.splitlines() for text in line.split("|") if text.isdigit()]
    return min(limits, default=None)
