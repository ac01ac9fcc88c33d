"""Which way of computing is fastest on this GPU, for this model and these shapes."""

import copy
import gc
import logging
import time
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import nn

from jobs.train.compute.choices import Choices
from jobs.train.compute.graph import recorded

log = logging.getLogger(__name__)

WARMUP_STEPS, TIMED_STEPS = 3, 10


def fastest(
    candidates: Sequence[Choices], model: nn.Module, sample: torch.Tensor, classes: int
) -> Choices:
    """Train a copy of the model for a moment in each way and return the fastest.

    A way that does not run here (too little memory, a kernel that cannot be recorded) is noted
    and left out.

    Args:
        candidates: ways to compute.
        model: untouched.
        sample: a batch [batch, 1, bands, frames] on the GPU.
        classes: of the model.

    Raises:
        RuntimeError: none of them runs.
    """
    measured: dict[str, float] = {}
    refused: dict[str, str] = {}
    for choices in candidates:
        try:
            measured[choices.name] = round(_clips_per_second(choices, model, sample, classes), 1)
        except RuntimeError as error:  # torch's out of memory is one
            refused[choices.name] = str(error).splitlines()[0]
        free_gpu_memory()
    if not measured:
        raise RuntimeError(f"no way of computing runs on this GPU: {refused}")
    best = max(candidates, key=lambda choices: measured.get(choices.name, 0))
    log.info("computes in %s: %.0f clips/s", best.name, measured[best.name])
    return best.model_copy(update={"measured": measured, "refused": refused})


def _clips_per_second(
    choices: Choices, model: nn.Module, sample: torch.Tensor, classes: int
) -> float:
    device = sample.device.type
    choices.set_kernels()
    # The twin learns nothing that lasts: weights, statistics and gradients of the model stay.
    twin = choices.put(copy.deepcopy(model), device).train()
    labels = torch.zeros(len(sample), dtype=torch.int64, device=device) % classes
    with choices.computing(device):
        forward = recorded(twin, sample) if choices.cuda_graph else twin
        for step in range(WARMUP_STEPS + TIMED_STEPS):
            # The first steps choose algorithms and take memory.
            if step == WARMUP_STEPS:
                _wait(device)
                started = time.perf_counter()
            F.cross_entropy(forward(sample).float(), labels).backward()
            twin.zero_grad(set_to_none=True)
        _wait(device)
        seconds = time.perf_counter() - started
        # A smaller batch takes memory of its own beside a recorded pass; better it fails now.
        F.cross_entropy(twin(sample[1:]).float(), labels[1:]).backward()
    return TIMED_STEPS * len(sample) / seconds


def free_gpu_memory() -> None:
    """Give back what ended runs and trials took of a GPU.

    Only passes that a GPU recorded live in cycles of references; on a CPU there is nothing to find.
    """
    if torch.cuda.is_available():
        gc.collect()
        torch.cuda.empty_cache()


def _wait(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()
