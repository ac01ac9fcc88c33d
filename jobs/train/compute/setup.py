"""From a run's config and the machine to the device, the choices and the memory for features."""

from dataclasses import dataclass

import torch

from jobs.train.clips.placement import Storage
from jobs.train.compute import memory
from jobs.train.compute.choices import Choices, candidates, on_cpu
from jobs.train.compute.device import earlier_choices, prepare_device, record_hardware
from jobs.train.compute.trial import fastest
from jobs.train.config import RunConfig
from jobs.train.models import build_model
from jobs.train.run import Run


@dataclass(frozen=True)
class Room:
    """What a run may take of a device that it may share. No setting of the run: it changes speed.

    Attributes:
        data_gb: features on the device, in 10^9 bytes; None for half of what is free.
        together: runs that share the device.
    """

    data_gb: float | None = None
    together: int = 1


@dataclass(frozen=True)
class Setup:
    """How a run computes."""

    device: str
    choices: Choices
    storage: Storage


def set_up(run: Run, config: RunConfig, classes: int, room: Room, data: int) -> Setup:
    """Prepare the machine to train a run, choose how it computes, and write hardware.json.

    A run that was interrupted goes on with what it chose before, on the same hardware.

    Args:
        run: its folder.
        config: what to train.
        classes: size of the output.
        room: what it may take of its device.
        data: bytes of all features that it trains and validates on.
    """
    device = prepare_device(config)
    choices = earlier_choices(run, device) or _choose(config, classes, device)
    activations, largest = memory.activation_bytes(
        config, classes, config.input_shape, config.batch_size
    )
    needed = activations + memory.OTHERWISE
    storage = storage_for(config, device, room, needed)
    if device == "cpu":
        in_pieces = needed + memory.FRAGMENTS * largest + min(data, storage.budget)
        keeps = memory.keep_freed_memory(room.together * in_pieces)
        choices = choices.model_copy(update={"keeps_freed_memory": keeps})
    choices.set_kernels()
    record_hardware(run, device, choices)
    return Setup(device, choices, storage)


def storage_for(config: RunConfig, device: str, room: Room, needed: int = 0) -> Storage:
    """Return what features may take on a device beside `needed` bytes for all else."""
    budget = memory.data_budget(device, room.data_gb, room.together, needed)
    on_host = memory.data_budget("cpu", None, room.together, needed if device == "cpu" else 0)
    return Storage(device, getattr(torch, config.storage), budget, min(budget, on_host))


def _choose(config: RunConfig, classes: int, device: str) -> Choices:
    if device == "cpu":
        return on_cpu(config)
    ways = candidates(config, torch.cuda.get_device_capability())
    # Features of the real shape; their values change no speed.
    sample = torch.zeros(config.batch_size, 1, *config.input_shape, device=device)
    return fastest(ways, build_model(config, classes), sample, classes)
