"""What sinfo says of partitions: time limits, CPUs, memory and GPUs of their nodes."""

import re
from dataclasses import dataclass

from pipeline.executors import slurm_command


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
        found = re.search(r"gpu(?::([A-Za-z]\w*))?", self.gres)
        if found is None:
            return None
        return f"gpu:{found[1]}:1" if found[1] else "gpu:1"


def partitions() -> list[Partition]:
    """Return what sinfo says of partitions that are up.

    Raises:
        SlurmError: it does not answer.
    """
    found = []
    text = slurm_command.run("sinfo", "--noheader", "--format=%P|%a|%l|%c|%m|%G")
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
