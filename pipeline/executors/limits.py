"""What a cluster bounds: how many tasks an array may have, how many jobs a user may queue."""

import getpass
import os
from dataclasses import dataclass

from pipeline.executors.slurm_command import SlurmError, cluster_settings, run, slurm_answers
from pipeline.planning.site import Site

# Slurm's own default of MaxArraySize, for a controller that does not say.
DEFAULT_MAX_ARRAY = 1001
SIGNS = ("MaxSubmitJob", "GrpSubmitJob", "job submit limit", "QOSMaxSubmit", "AssocMaxSubmit")


def max_array(site: Site) -> int:
    """Return how many tasks an array may have: as the site's file says, else as Slurm says."""
    if site.max_array_size is not None:
        return site.max_array_size
    # A plan is shown where no Slurm answers, too.
    text = cluster_settings().get("MaxArraySize", "") if slurm_answers() else ""
    return int(text) if text.isdigit() and int(text) else DEFAULT_MAX_ARRAY


@dataclass(frozen=True)
class JobLimit:
    """What is left of the jobs that a user may queue; each task of an array counts as one.

    Attributes:
        queued: jobs of the user that wait or run, of this output or not.
        most: the lowest limit that accounting shows; None if it shows none.
    """

    queued: int
    most: int | None

    @property
    def left(self) -> int | None:
        """How many more fit; None if that is not known."""
        return None if self.most is None else max(0, self.most - self.queued)

    def __str__(self) -> str:
        if self.most is None:
            return f"You have {self.queued} jobs in the queue, each task of an array counted"
        return (
            f"Your limit is {self.most} queued jobs, each task of an array counted; you have "
            f"{self.queued}, which leaves {self.left}"
        )


def job_limit_of(refusal: str) -> JobLimit | None:
    """Return the limit of queued jobs, if the number of jobs is why Slurm has refused.

    Args:
        refusal: sbatch's words.
    """
    if not any(sign in refusal for sign in SIGNS):
        return None
    try:
        whose = f"--user={os.getuid()}"
        queued = len(run("squeue", whose, "--all", "--noheader", "--array", "--format=%i").split())
    except SlurmError:
        return None
    return JobLimit(queued, _most_jobs())


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
