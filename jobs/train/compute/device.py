"""What a run computes on, and the record of it."""

import logging
import os
import platform
from dataclasses import asdict, dataclass, field, fields, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jobs.errors import DamagedFileError
from jobs.files import read_json, write_json
from jobs.train.run import Run

if TYPE_CHECKING:
    from jobs.train.compute.choices import Choices

log = logging.getLogger(__name__)

# What decides over the last bits of a result.
DECISIVE = ("device", "threads", "cpu_capability", "versions")


def prepare_device(threads: int) -> str:
    """Return "cuda" where there is a GPU and else "cpu", after fixing the number of threads.

    The number of threads is set by us and never taken from the machine: sums over another
    number of threads round differently.
    """
    import torch

    # cuBLAS asks for this before it promises the same bits each time.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.set_num_threads(threads)
    return "cuda" if torch.cuda.is_available() else "cpu"


@dataclass(frozen=True)
class Hardware:
    """What a run computes on and with, as hardware.json.

    Attributes:
        device: name of the GPU, or of the CPU.
        threads: CPU threads.
        cpu_capability: torch's word for the vector instructions that it uses; "" without torch.
        versions: of what computes.
        host: name of the machine.
        choices: how it computes; None for what leaves no choice.
        earlier: the same of earlier epochs, where they ran on something else.
    """

    device: str
    threads: int
    cpu_capability: str
    versions: dict[str, str]
    host: str
    choices: dict[str, Any] | None = None
    earlier: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def of_torch(cls, device: str) -> "Hardware":
        """Describe where a net is trained: "cuda" or "cpu"."""
        import torch

        return cls(
            device=torch.cuda.get_device_name() if device == "cuda" else _cpu_name(),
            threads=torch.get_num_threads(),
            cpu_capability=torch.backends.cpu.get_cpu_capability(),
            versions={"python": platform.python_version(), "torch": torch.__version__},
            host=platform.node(),
        )

    @classmethod
    def of_scikit_learn(cls, threads: int) -> "Hardware":
        """Describe where a model is fitted at once."""
        versions = {name: version(name) for name in ("numpy", "scipy", "scikit-learn")}
        versions["python"] = platform.python_version()
        return cls(_cpu_name(), threads, "", versions, platform.node())

    def same_bits_as(self, other: "Hardware") -> bool:
        """Whether both give the same bits, as far as can be known."""
        return all(getattr(self, name) == getattr(other, name) for name in DECISIVE)

    def save(self, path: Path) -> None:
        write_json(path, asdict(self))

    @classmethod
    def load(cls, path: Path) -> "Hardware":
        """Read what `save` wrote.

        Raises:
            DamagedFileError: it is not one of ours.
            FileNotFoundError: there is none.
        """
        found = read_json(path)
        try:
            return cls(**{each.name: found[each.name] for each in fields(cls)})
        except (KeyError, TypeError) as error:
            raise DamagedFileError(f"{path} is damaged: {error!r}") from error


def _recorded(run: Run) -> Hardware | None:
    try:
        return Hardware.load(run.hardware)
    except (FileNotFoundError, DamagedFileError):
        return None


def earlier_choices(run: Run, device: str) -> "Choices | None":
    """Return what an earlier attempt of this run chose on the same hardware, if it did."""
    from jobs.train.compute.choices import Choices

    before = _recorded(run)
    if (
        before is None
        or before.choices is None
        or not Hardware.of_torch(device).same_bits_as(before)
    ):
        return None
    try:
        return Choices(**before.choices)
    except (TypeError, ValueError):
        return None


def record_hardware(run: Run, now: Hardware) -> None:
    """Write hardware.json, and say so if a run goes on where its results are other bits.

    The hardware and versions on which earlier epochs ran are kept in the file.
    """
    before = _recorded(run)
    earlier = before.earlier if before else []
    if before and not now.same_bits_as(before):
        earlier = [*earlier, asdict(replace(before, earlier=[]))]
        if run.states():
            changes = ", ".join(
                f"{name}: {getattr(before, name)} -> {getattr(now, name)}"
                for name in DECISIVE
                if getattr(before, name) != getattr(now, name)
            )
            log.warning(
                "resuming on other hardware: the last bits may differ from now on (%s)", changes
            )
    replace(now, earlier=earlier).save(run.hardware)


def _cpu_name() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:  # noqa: PTH123
            names = [
                line.split(":", 1)[1].strip() for line in file if line.startswith("model name")
            ]
    except OSError:
        names = []
    return names[0] if names else platform.processor() or platform.machine()
