"""A first site file, from what the cluster says of itself."""

import os

from pipeline.executors import slurm_command
from pipeline.executors.partitions import Partition, partitions
from pipeline.executors.slurm_command import SlurmError
from pipeline.stages.graph import STAGES
from pipeline.stages.stage import Stage

SMALL_GB, LARGE_GB = 32.0, 64.0
SMALL_MIN, LARGE_MIN = 360, 480
CPUS_OF_TRAINING = 4
# What the kernel and its daemons need of a node.
SHARE_OF_MEMORY = 0.9


def site_text(name: str) -> str:
    """Return a commented site file for the cluster that answers here.

    Args:
        name: of the site.

    Raises:
        SlurmError: it does not answer, or has no partition that is up.
    """
    settings, known = slurm_command.cluster_settings(), partitions()
    if not known:
        raise SlurmError("sinfo shows no partition that is up")
    default = next((each for each in known if each.is_default), known[0])
    with_gpu = [each for each in known if each.gpu]
    training = next((each for each in with_gpu if each.is_default), None)
    training = training or (with_gpu[0] if with_gpu else default)
    demanded = "account" if _accounts_are_enforced(settings) and not _default_account() else ""
    named = "null" if default.is_default else default.name
    lines = [
        f"# {name}: written from what Slurm says of itself. Look at each line, then",
        f"#   python -m pipeline.doctor --site {name}.yaml --probe",
        f"clusters: [{settings.get('ClusterName', name)}]",
        f"required: [{demanded}]    # fields that must not stay empty",
        "account: null          # `sacctmgr show associations user=$USER` lists yours",
        f"partition: {named}        # the default is {default.name}; all: {_names(known)}",
        "concurrency: 50        # tasks of one array at the same time",
        "signal_delay_s: 120    # jobs are warned this long before their time limit",
        "max_requeues: 10       # how many time limits a job survives",
        'setup: []              # shell lines before the work: ["module load anaconda3"]',
        "python: null           # null: the one that launches; or see slurm/container.sh",
        "",
        "# What one task of a stage asks for.",
        *dict.fromkeys(_stage(stage, default) for stage in STAGES),
        "",
        f"# Sizes of training jobs, smallest first; GPUs here: {_gpus(with_gpu)}.",
        "tiers:",
        _tier("small", training, default, SMALL_GB, SMALL_MIN),
        _tier("large", training, default, LARGE_GB, LARGE_MIN),
        "tier_of: {v1: small, v2: large, v3: small}",
    ]
    return "\n".join(lines) + "\n"


def _names(known: list[Partition]) -> str:
    return ", ".join(dict.fromkeys(each.name for each in known))


def _stage(stage: Stage, partition: Partition) -> str:
    asked = stage.default
    cpus, memory = min(asked.cpus or 1, partition.cpus), _fitting(asked.mem_gb, partition)
    minutes = _within(asked.timeout_min, partition)
    return f"{stage.site_name}: {{cpus: {cpus}, mem_gb: {memory:g}, timeout_min: {minutes}}}"


def _tier(name: str, training: Partition, default: Partition, gb: float, minutes: int) -> str:
    cpus, memory = min(CPUS_OF_TRAINING, training.cpus), _fitting(gb, training)
    fields = [f"name: {name}", f"cpus: {cpus}", f"mem_gb: {memory:g}",
              f"timeout_min: {_within(minutes, training)}"]  # fmt: skip
    if training.gpu:
        fields += ["gpus: 1", f'gres: "{training.gpu}"']
    if training.name != default.name:
        fields.append(f"partition: {training.name}")
    return f"  - {{{', '.join(fields)}}}"


def _fitting(wanted_gb: float, partition: Partition) -> float:
    return min(wanted_gb, max(1.0, float(int(partition.memory_gb * SHARE_OF_MEMORY))))


def _within(minutes: int, partition: Partition) -> int:
    return min(minutes, partition.limit_min or minutes)


def _gpus(known: list[Partition]) -> str:
    return ", ".join(dict.fromkeys(f"{each.gres} in {each.name}" for each in known)) or "none"


def _accounts_are_enforced(settings: dict[str, str]) -> bool:
    enforced = settings.get("AccountingStorageEnforce", "").lower()
    return any(word in enforced for word in ("associations", "limits", "qos", "all"))


def _default_account() -> bool:
    """Return whether this user's jobs have an account that they need not name."""
    try:
        whose = f"user={os.environ.get('USER') or os.getuid()}"
        said = slurm_command.run(
            "sacctmgr", "--noheader", "--parsable2", "show", "user", "where", whose,
            "format=DefaultAccount",
        )  # fmt: skip
    except SlurmError:
        return False
    return bool(said.strip())
