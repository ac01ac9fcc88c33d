"""One way to call Slurm's commands: in an environment that we chose, with patience and in words."""

import os
import shutil
import subprocess
from collections.abc import Mapping

from jobs.errors import InputError

# A busy controller takes half a minute; waiting longer than this looks like a hang.
TIMEOUT_S = 60

# What an interactive step around the launcher, or a line in a user's profile, leaves in the
# environment. sbatch, srun and squeue take each of it for a wish, and jobs inherit it: one CPU a
# task (SLURM_CPU_BIND), a memory that fits nothing, a filter on what squeue shows.
OF_A_JOB = (
    "SLURM_", "SLURMD_", "SBATCH_", "SRUN_", "SALLOC_", "SQUEUE_", "SACCT_", "SCANCEL_", "SINFO_",
    "PMI_", "PMI2_", "PMIX_",
)  # fmt: skip
# Which CPUs and devices of a node are the launcher's.
OF_A_NODE = {
    "OMP_PROC_BIND", "OMP_PLACES", "GOMP_CPU_AFFINITY", "KMP_AFFINITY", "CUDA_VISIBLE_DEVICES",
    "ROCR_VISIBLE_DEVICES", "GPU_DEVICE_ORDINAL", "ZE_AFFINITY_MASK",
}  # fmt: skip
# Where the controller is and who asks: without them nothing answers.
OF_THE_CLUSTER = {"SLURM_CONF", "SLURM_CONF_SERVER", "SLURM_CLUSTERS", "SLURM_JWT"}


NO_CONFIGURATION = "Could not establish a configuration source"


class SlurmError(InputError):
    """Slurm refused, or did not answer."""


def environment(around: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return what Slurm's commands, and with them jobs, inherit.

    It is the launcher's environment without what describes a job or a node around it. What tells
    where the cluster is stays.

    Args:
        around: what to choose from; None for this process's own.
    """
    around = os.environ if around is None else around
    return {name: value for name, value in around.items() if not is_left_out(name)}


def is_left_out(name: str) -> bool:
    """Return whether a variable describes the job or the node around the launcher."""
    if name in OF_THE_CLUSTER:
        return False
    return name.startswith(OF_A_JOB) or name in OF_A_NODE


def run(*command: str) -> str:
    """Return what a command of Slurm prints.

    Raises:
        SlurmError: it is not there, does not answer, or says no; with its words.
    """
    done = attempt(*command)
    if done.returncode:
        raise failed(done)
    return done.stdout


def attempt(*command: str) -> "subprocess.CompletedProcess[str]":
    """Run a command of Slurm, whatever it says.

    Raises:
        SlurmError: it is not there, or does not answer.
    """
    try:
        return subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=TIMEOUT_S,
            check=False, env=environment(),
        )  # fmt: skip
    except FileNotFoundError:
        raise SlurmError(f"{command[0]} is not on this machine") from None
    except subprocess.TimeoutExpired:
        raise SlurmError(f"{command[0]} did not answer within {TIMEOUT_S} s; try again") from None


def failed(done: "subprocess.CompletedProcess[str]") -> SlurmError:
    """Return the error of a command that said no."""
    said = done.stderr.strip() or done.stdout.strip()
    return SlurmError(f"{done.args[0]} failed: {_in_words(said)}")


def _in_words(said: str) -> str:
    """Return one sentence for what Slurm says in four lines where it has no configuration."""
    if NO_CONFIGURATION in said:
        return (
            "this machine has Slurm's commands and no configuration of a cluster. Go to a login "
            "node, or set SLURM_CONF"
        )
    return said


def slurm_is_here() -> bool:
    """Return whether this machine has Slurm's commands."""
    return shutil.which("sbatch") is not None


def slurm_is_configured() -> bool:
    """Return whether this machine belongs to a cluster, and has not just the packages."""
    try:
        done = attempt("scontrol", "ping")
    except SlurmError:
        return True
    return NO_CONFIGURATION not in done.stderr


def slurm_answers() -> bool:
    """Return whether a Slurm controller answers."""
    if not slurm_is_here():
        return False
    try:
        return "UP" in run("scontrol", "ping")
    except SlurmError:
        return False


def cluster_settings() -> dict[str, str]:
    """Return what `scontrol show config` says, by name."""
    pairs = (line.partition("=") for line in run("scontrol", "show", "config").splitlines())
    return {name.strip(): value.strip() for name, equals, value in pairs if equals}
