"""From a run's config and the machine to the device, the choices and the memory for features."""

from dataclasses import dataclass, replace

import torch

from jobs.train.clips.storage import Storage
from jobs.train.compute import memory
from jobs.train.compute.choices import Choices, candidates, on_cpu
from jobs.train.compute.device import Hardware, earlier_choices, prepare_device, record_hardware
from jobs.train.compute.trial import fastest
from jobs.train.config import RunConfig
from jobs.train.run import Run


@dataclass(frozen=True)
class DeviceShare:
    """What a run may take of its device. No setting of the run: it changes speed alone.

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


def set_up(run: Run, config: RunConfig, classes: int, share: DeviceShare, data: int) -> Setup:
    """Prepare the machine to train a net, choose how it computes, and write hardware.json.

    A run that was interrupted goes on with what it chose before, on the same hardware.

    Args:
        run: its folder.
        config: what to train.
        classes: size of the output.
        share: what it may take of its device.
        data: bytes of all features that it trains and validates on.
    """
    device = prepare_device(config.threads)
    choices = earlier_choices(run, device) or _choose(config, classes, device)
    activations, largest = memory.activation_bytes(
        config.net, classes, config.features.input_shape, config.training.batch_size
    )
    needed = activations + memory.OTHERWISE
    storage = _storage(config, device, share, needed)
    if device == "cpu":
        in_pieces = needed + memory.FRAGMENTS * largest + min(data, storage.budget)
        keeps = memory.keep_freed_memory(share.together * in_pieces)
        choices = choices.model_copy(update={"keeps_freed_memory": keeps})
    choices.set_kernels()
    hardware = Hardware.of_torch(device)
    record_hardware(run, replace(hardware, choices=choices.model_dump(mode="json")))
    return Setup(device, choices, storage)


def _storage(config: RunConfig, device: str, share: DeviceShare, needed: int) -> Storage:
    """Return what features may take on a device beside `needed` bytes for all else."""
    budget = memory.data_budget(device, share.data_gb, share.together, needed)
    on_host = memory.data_budget("cpu", None, share.together, needed if device == "cpu" else 0)
    dtype = getattr(torch, config.computing.storage)
    return Storage(device, dtype, budget, min(budget, on_host))


def _choose(config: RunConfig, classes: int, device: str) -> Choices:
    if device == "cpu":
        return on_cpu(config.computing)
    ways = candidates(config.computing, torch.cuda.get_device_capability())
    # Features of the real shape; their values change no speed.
    shape = config.training.batch_size, 1, *config.features.input_shape
    net = config.net.build_for(classes, config.features.input_shape)
    return fastest(ways, net, torch.zeros(shape, device=device), classes)
