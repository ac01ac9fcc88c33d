"""What Slurm would refuse is asked before anything is submitted, and told with a remedy."""

import logging
import re
import tempfile
from collections.abc import Iterable
from pathlib import Path

from pipeline.executors import sbatch
from pipeline.executors.arrays import Array
from pipeline.executors.limits import JobLimit, job_limit_of
from pipeline.executors.partitions import gpus_asked, partitions
from pipeline.executors.slurm_command import SlurmError, run
from pipeline.planning.resources import Resources
from pipeline.planning.site import Site
from pipeline.stages.stage import Opened

log = logging.getLogger(__name__)

NOT_AVAILABLE = "node configuration is not available"
# By what sbatch says; a site's own plugin may say something else, which is then shown as it is.
REMEDIES = (
    (r"invalid partition|partition name", "`sinfo -s` lists the partitions; set `partition`"),
    (
        r"[Ii]nvalid account|account/partition",
        "`sacctmgr show associations user=$USER` (on Torch `my_slurm_accounts`) lists your "
        "accounts; set `account`",
    ),
    (r"[Ii]nvalid qos", "`sacctmgr show qos` lists them; set `qos`"),
    (r"[Ii]nvalid wckey", "ask for a valid one; set `wckey`"),
    (r"reservation", "`scontrol show reservation` lists them; set `reservation`"),
    (r"time limit|TimeLimit|PartitionTimeLimit", "lower `timeout_min`; `sinfo -o '%P %l'`"),
    (r"[Ii]nvalid generic resource|gres", "`sinfo -o '%P %G'` lists GPUs; set `gres`"),
    (r"[Ii]nvalid feature", "`sinfo -o '%P %f'` lists features; set `constraint`"),
    (
        rf"{NOT_AVAILABLE}|Memory specification|CPU count",
        "no node has that much; `sinfo -o '%P %c %m %G'` lists CPUs, memory (MB) and GPUs; lower "
        "`mem_gb`, `cpus` or `gpus`",
    ),
)


def refusal_in_words(stage: str, error: SlurmError, limit: JobLimit | None = None) -> SlurmError:
    """Return an error that names the stage and says what to do about sbatch's words.

    Args:
        stage: that Slurm refuses.
        error: with sbatch's words.
        limit: for jobs, if their number is the reason.
    """
    said = f"Slurm refuses the {stage} stage: {error}"
    if limit is not None:
        return SlurmError(f"{said}. {limit}")
    remedy = next((text for sign, text in REMEDIES if re.search(sign, str(error))), "")
    return SlurmError(f"{said}. {remedy}" if remedy else said)


def require_accepted(opened: Opened, arrays: Iterable[Array]) -> None:
    """Ask Slurm whether it would take each array, as `sbatch --test-only` does: nothing is queued.

    Raises:
        SlurmError: names the stage, says why, and what to do.
    """
    for array in arrays:
        asked = array.request.resources
        try:
            test(sbatch.executor(opened, array, None).script(len(array.groups)))
            require_within_limit(asked.partition or opened.plan.site.partition, asked)
        except SlurmError as error:
            limit = job_limit_of(str(error))
            if limit is not None and limit.left != 0:
                log.warning("stage %s: not all jobs fit into the queue now", array.stage.name)
                continue
            if may_fit_later(opened.plan.site, asked, array.cpus, error):
                log.warning("stage %s: the nodes that fit are down just now", array.stage.name)
                continue
            raise refusal_in_words(array.stage.name, error, limit) from None


def may_fit_later(site: Site, asked: Resources, cpus: int, error: SlurmError) -> bool:
    """Return whether a refusal only means that the nodes that fit are down or drained just now.

    `sbatch --test-only` does not tell that apart from what no node has, and sbatch itself would
    take the job.
    """
    if NOT_AVAILABLE not in str(error):
        return False
    named = asked.partition or site.partition
    gpus = gpus_asked(asked)
    return any(
        each.cpus >= cpus and each.memory_gb >= asked.mem_gb and each.gpus >= gpus
        for each in partitions()
        if named is None or each.name in named.split(",")
    )


def require_within_limit(named: str | None, asked: Resources) -> None:
    """Refuse a time limit above the partition's: Slurm may take such a job, and never starts it.

    Args:
        named: the partition, or several with commas; None if Slurm chooses.
        asked: what a task asks for.

    Raises:
        SlurmError: no partition that is named allows so much.
    """
    if named is None:
        return
    limits = [each.limit_min for each in partitions() if each.name in named.split(",")]
    known = [limit for limit in limits if limit is not None]
    if known and len(known) == len(limits) and asked.timeout_min > max(known):
        raise SlurmError(
            f"a time limit of {asked.timeout_min} min is above that of partition {named}, "
            f"{max(known)} min: the job would wait for ever"
        )


def test(script: str) -> None:
    """Ask Slurm whether it would take a batch script.

    Raises:
        SlurmError: it would not; with its words.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "asked.sh"
        path.write_text(script)
        run("sbatch", "--test-only", str(path))
