"""How a run computes: chosen from the hardware, on a GPU by measuring, and recorded."""

import contextlib
import itertools
from collections.abc import Iterator
from typing import Literal

import torch
from pydantic import Field
from torch import nn

from jobs.schema import Schema
from jobs.train.recipe import Computing

Half = Literal["bfloat16", "float16"]
# GPUs of this compute capability multiply in bfloat16, of that one in float16, several times
# faster than in float32.
BFLOAT16_FROM, FLOAT16_FROM = (8, 0), (7, 0)


class Choices(Schema):
    """What is chosen; all of it changes speed, and on a GPU the last bits.

    Attributes:
        autocast: type in which convolutions compute; None for float32. Weights, batch norm's
            parameters and statistics, and the loss stay float32.
        channels_last: order of values in memory.
        cuda_graph: replay a recorded forward and backward pass instead of launching each kernel.
        fused: the optimiser's step in one kernel.
        deterministic: only kernels that give the same bits each time.
        keeps_freed_memory: see `jobs.train.compute.memory.keep_freed_memory`.
        measured: clips per second of each candidate, if there was a choice to measure.
        refused: candidates that did not run here, and why.
    """

    autocast: Half | None = None
    channels_last: bool = True
    cuda_graph: bool = False
    fused: bool = False
    deterministic: bool = True
    keeps_freed_memory: bool = False
    measured: dict[str, float] = Field(default_factory=dict)
    refused: dict[str, str] = Field(default_factory=dict)

    @property
    def name(self) -> str:
        parts = [
            self.autocast or "float32",
            "channels last" if self.channels_last else "channels first",
            *(["CUDA graph"] if self.cuda_graph else []),
        ]
        return ", ".join(parts)

    @contextlib.contextmanager
    def computing(self, device: str) -> Iterator[None]:
        """Compute in the chosen precision."""
        if self.autocast is None:
            yield
            return
        # Without the cache: a recorded pass must not depend on casts made outside of it.
        with torch.autocast(device, getattr(torch, self.autocast), cache_enabled=False):
            yield

    def set_kernels(self) -> None:
        """Allow the kernels that are wanted: those with the same bits each time, or the fastest."""
        # Not `use_deterministic_algorithms`: the same, but it imports torch's compiler, two seconds
        # of the five that it takes to predict a clip.
        torch.set_deterministic_debug_mode("warn" if self.deterministic else "default")
        # By default every new tensor is then filled first, so that reading it too early shows. It
        # costs a pass over memory for each result: a quarter of the time on a CPU.
        torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
        torch.backends.cudnn.benchmark = not self.deterministic
        # TensorFloat-32 keeps ten bits of float32's 23; who asks for float32 gets it.
        torch.backends.cudnn.allow_tf32 = not self.deterministic

    def put(self, model: nn.Module, device: str) -> nn.Module:
        """Move a model to the device, in the chosen order of values."""
        layout = torch.channels_last if self.channels_last else torch.contiguous_format
        moved: nn.Module = model.to(device).to(memory_format=layout)  # type: ignore[call-overload]
        return moved


def on_cpu(computing: Computing) -> Choices:
    """Return the choices for a CPU: exact, unless the config asks for less.

    Measured on CPUs: channels last is 1.2 to 1.9 times faster, and torch.compile is no faster than
    eager once freed memory is kept. bfloat16 is slower, but 1.8 (wide_resnet) to 2.6 times (a
    ResNet-20) faster where the CPU multiplies in it (amx_bf16 in /proc/cpuinfo); it is not chosen
    by itself even there, for the same run would have other bits on another node.
    """
    return Choices(autocast=_asked(computing))


def candidates(computing: Computing, capability: tuple[int, int]) -> list[Choices]:
    """Return what is worth measuring on a GPU.

    Args:
        computing: what is asked for.
        capability: of the GPU, for instance (9, 0).
    """
    kinds: list[Half | None] = [_asked(computing)]
    if computing.precision == "auto":
        if capability >= BFLOAT16_FROM:
            kinds = ["bfloat16", None]
        elif capability >= FLOAT16_FROM:
            kinds = ["float16", None]
    if computing.precision == "float32":  # for who wants the same bits each time: nothing is timed
        return [Choices(fused=True)]
    return [
        Choices(
            autocast=kind,
            channels_last=last,
            cuda_graph=graph,
            fused=True,
            deterministic=False,
        )
        for kind, last, graph in itertools.product(kinds, (True, False), (True, False))
    ]


def _asked(computing: Computing) -> Half | None:
    asked = computing.precision
    return asked if asked in ("bfloat16", "float16") else None
