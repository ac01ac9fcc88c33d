"""How much memory training takes, and what becomes of freed memory."""

import ctypes

import torch

from jobs.memory import memory_limit
from jobs.models.net import Net
from jobs.train.config import RunConfig

# Part of the free memory that features may take unless `data_gb` says otherwise.
DATA_SHARE = 0.5
# Kept freed memory is in pieces. Measured peaks were higher by 14 times the largest tensor
# (ResNet-20) and 20 times (ResNet-110).
FRAGMENTS = 25
# What a process takes beside its activations: libraries, weights, the optimiser.
OTHERWISE = 5 * 10**8
SHALLOW = 20  # layers of the smallest ResNet of the paper
# glibc's mallopt: two of its parameters, and their defaults.
_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4
_TRIM_THRESHOLD, _MMAP_MAX = 128 * 1024, 65_536


def data_budget(device: str, data_gb: float | None, together: int, needed: int = 0) -> int:
    """Return how many bytes the features of one run may take on the device.

    Args:
        device: "cuda" or "cpu".
        data_gb: what the user allows (10^9 bytes); None for half of what is free.
        together: runs that share the device.
        needed: bytes that training itself takes of the same memory.
    """
    if data_gb is not None:
        return int(data_gb * 1e9)
    free = (torch.cuda.mem_get_info()[0] if device == "cuda" else memory_limit()) // together
    # Training comes before features: those can be streamed, activations cannot.
    return max(0, min(int(free * DATA_SHARE), free - needed))


def activation_bytes(net: Net, classes: int, shape: tuple[int, int], batch: int) -> tuple[int, int]:
    """Return what a forward pass keeps for its backward pass, without computing anything.

    Args:
        net: the network.
        classes: size of its output.
        shape: bands and frames of a clip.
        batch: clips.

    Returns:
        Bytes of all that is kept, and of the largest tensor.
    """
    # By storage: views of one tensor (a ReLU in place and what it was applied to) count once.
    kept: dict[int, torch.UntypedStorage] = {}

    def note(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        kept[storage._cdata] = storage  # a meta tensor has no address of its own
        return tensor

    with torch.device("meta"):
        model = net.build_for(classes, shape).train()
        with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
            model(torch.empty(batch, 1, *shape))
    sizes = [storage.nbytes() for storage in kept.values()]
    return sum(sizes), max(sizes)


def too_little_memory(config: RunConfig, classes: int, available: int) -> str | None:
    """Return why a net cannot be trained on a CPU with so much memory, and what takes less.

    What a forward pass keeps is a lower bound of what training takes: ResNet-110 on batches of 128
    log-mel spectrograms keeps 20 GB.

    Args:
        config: of a net.
        classes: size of its output.
        available: bytes of host memory.
    """
    batch = config.training.batch_size
    kept, _ = activation_bytes(config.net, classes, config.features.input_shape, batch)
    needed = kept + OTHERWISE
    if needed <= available:
        return None
    remedies = []
    if config.settings().get("depth", 0) > SHALLOW:
        remedies.append(f"--set depth={SHALLOW}")
    if fitting := max(0, available - OTHERWISE) * batch // kept:
        remedies.append(f"--set batch_size={2 ** (fitting.bit_length() - 1)}")
    return (
        f"training takes at least {needed / 1e9:.1f} GB of memory on a CPU, and "
        f"{available / 1e9:.1f} GB are free here; try {' or '.join(remedies) or 'a smaller model'},"
        " or train where there is a GPU"
    )


def keep_freed_memory(needed: int) -> bool:
    """Let the C library keep what is freed, if there is memory enough; return whether it does.

    A step frees and takes gigabytes in large blocks. By default each block comes fresh from the
    kernel, which hands it out in zeroed pages of 4 KB: measured on two CPUs, that took more than
    half of the time of training ResNet-20. Kept blocks cost nothing but being in pieces.

    Args:
        needed: bytes that this process will take, pieces included.
    """
    if needed > memory_limit():
        give_back_freed_memory()
        return False
    return _set_malloc(mmap_max=0, trim_threshold=2**31 - 1)


def give_back_freed_memory() -> None:
    """Undo `keep_freed_memory`: a later stage in this process has its memory."""
    if _set_malloc(_MMAP_MAX, _TRIM_THRESHOLD):
        ctypes.CDLL(None).malloc_trim(0)


def _set_malloc(mmap_max: int, trim_threshold: int) -> bool:
    """Set glibc's allocator; return False where the C library is another one."""
    try:
        libc = ctypes.CDLL(None)
        libc.mallopt(_M_MMAP_MAX, mmap_max)
        libc.mallopt(_M_TRIM_THRESHOLD, trim_threshold)
    except (OSError, AttributeError):
        return False
    return True
