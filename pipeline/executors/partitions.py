"""What sinfo says of partitions: time limits, CPUs, memory and GPUs of their nodes."""

import re
from dataclasses import dataclass

from pipeline.executors import slurm_command
from pipeline.planning.resources import Resources


@dataclass(frozen=True)
class Partition:
    """One line of sinfo: nodes of one kind in a partition.

    Attributes:
        name: without the star of the default one.
        is_default: whether jobs go there that name none.
        limit_min: its time limit; None if it has none.
        cpus: of a node.
        memory_gb: of a node.
        gres: `gpu:v100:4`, or "".
    """

    name: str
    is_default: bool
    limit_min: int | None
    cpus: int
    memory_gb: float
    gres: str

    @property
    def gpu(self) -> str | None:
        """How to ask for one of its GPUs; None if it has none."""
        for kind, _ in gpus_in(self.gres):
            return f"gpu:{kind}:1" if kind else "gpu:1"
        return None

    @property
    def gpus(self) -> int:
        """How many a node has."""
        return sum(count for _, count in gpus_in(self.gres))


def gpus_in(gres: str) -> list[tuple[str, int]]:
    """Return kind and number of the GPUs in `gpu:a100:4(S:0-1),gpu:2`; kind "" where none is said.

    A kind may begin with a digit (2080ti) and hold hyphens and dots (3g.20gb).
    """
    found = []
    for part in re.sub(r"\([^)]*\)", "", gres).split(","):
        name, *rest = part.strip().split(":")
        if name != "gpu":
            continue
        count = int(rest.pop()) if rest and rest[-1].isdigit() else 1
        found.append((rest[0] if rest else "", count))
    return found


def gpus_asked(asked: Resources) -> int:
    """Return how many GPUs a task asks for, in whichever way."""
    return asked.gpus if asked.gres is None else sum(count for _, count in gpus_in(asked.gres))


def partitions() -> list[Partition]:
    """Return what sinfo says of partitions that are up.

    Raises:
        SlurmError: it does not answer.
    """
    found = []
    # --exact: nodes that differ are lines of their own. Those that are down are shown too.
    text = slurm_command.run("sinfo", "--exact", "--noheader", "--format=%P|%a|%l|%c|%m|%G")
    for line in text.splitlines():
        name, state, limit, cpus, memory, gres = (part.strip() for part in line.split("|"))
        if state != "up":
            continue
        gpus = "" if gres == "(null)" else gres
        gigabytes = _number(memory) / 1024
        is_default, name = name.endswith("*"), name.rstrip("*")
        found.append(Partition(name, is_default, _minutes(limit), _number(cpus), gigabytes, gpus))
    return found


def _number(text: str) -> int:
    """Read `16+`, which sinfo says of nodes that differ: the least of them."""
    return int(re.sub(r"\D.*", "", text) or 1)


def _minutes(text: str) -> int | None:
    """Read a time limit: `1-00:00:00`, `4:00:00`, `30:00`, `infinite`."""
    found = re.fullmatch(r"(?:(\d+)-)?(?:(\d+):)?(\d+):(\d+)", text)
    if found is None:
        return None
    days, hours, minutes, _ = (int(part or 0) for part in found.groups())
    return days * 1440 + hours * 60 + minutes
