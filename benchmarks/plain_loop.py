"""What a person writes first, and how the report trained: the other side of training.py."""

import resource
import time
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset

from jobs.train.compute.device import prepare_device
from jobs.train.config import RunConfig

CLASSES, SHAPE, BATCH = 4, (64, 259), 128
CHANGES = {"shift_p": 0.5, "speed_p": 0.5, "pitch_p": 0.5, "noise_p": 0.5}


class Changed(Dataset[tuple[torch.Tensor, int]]):
    """A list of arrays; each clip is changed in numpy as it is taken."""

    def __init__(self, config: RunConfig, clips: list[np.ndarray], labels: list[int]) -> None:
        self.clips, self.labels = clips, labels
        self.settings = SimpleNamespace(**config.settings())

    def __len__(self) -> int:
        return len(self.clips)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        config, x = self.settings, self.clips[index]
        bands, frames = x.shape
        rng = np.random.default_rng()
        if rng.random() < config.shift_p:
            x = np.roll(x, rng.integers(-frames // 2, frames // 2), axis=1)
        if rng.random() < config.speed_p:
            speed = rng.uniform(1 - config.speed_max, 1 + config.speed_max)
            heard_at = np.arange(frames) * speed
            x = np.stack([np.interp(heard_at, np.arange(frames), band) for band in x])
        if rng.random() < config.pitch_p:
            up = rng.integers(-config.pitch_max, config.pitch_max + 1)
            x = x[np.clip(np.arange(bands) - up, 0, bands - 1)]
        if rng.random() < config.noise_p:
            x = x + rng.uniform(0, config.noise_max) * rng.standard_normal(x.shape)
        return torch.from_numpy(x.astype(np.float32))[None], self.labels[index]


def made_clips(count: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    clips = rng.standard_normal((count, *SHAPE), dtype=np.float32)
    return clips, rng.integers(0, CLASSES, count)


def plain_turn(config: RunConfig, steps: int, workers: int) -> dict[str, Any]:
    """Train with the plain loop; return clips per second and peak memory."""
    device = prepare_device(config.threads)
    torch.use_deterministic_algorithms(False)
    clips, labels = made_clips(BATCH * (steps + 1))
    data = Changed(config, list(clips), labels.tolist())
    loader = DataLoader(data, batch_size=BATCH, shuffle=True, num_workers=workers)
    model = config.net.build(CLASSES).to(device).train()
    optimizer = config.optimizer.build(model.parameters())
    times = []
    started = time.perf_counter()
    for x, y in loader:
        x, y = x.to(device), y.to(device)
        loss = F.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        loss.item()  # as people do, for a running mean
        times.append(time.perf_counter() - started)
        started = time.perf_counter()
    return {"clips_per_s": BATCH * steps / sum(times[1:]), "peak_gb": peak_gb(device)}


def peak_gb(device: str) -> float:
    if device == "cuda":
        return torch.cuda.max_memory_allocated() / 1e9
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
