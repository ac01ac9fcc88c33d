"""A net of v1 as one graph from samples to probabilities, for ONNX.

What extraction does in numpy stands here once more in operations that every runtime has: the
transform is a convolution with windowed sines, for an FFT is none of them. Within 1e-3 dB of
v1 on recordings; beside a pure tone, bands near the floor differ by 2e-3 dB.
"""

from collections.abc import Sequence

import librosa
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from jobs.extract.config import FeatureConfig
from jobs.inference.classifier import Classifier
from jobs.models.fitted_net import FittedNet
from jobs.models.normalise import EPSILON
from jobs.vote.calibration import LEAST

# As librosa's power_to_db.
LEAST_POWER, TOP_DB = 1e-10, 80.0


class LogMel(nn.Module):
    """v1 of samples: float32 [batch, samples] to [batch, 1, bands, frames], normalised.

    Args:
        config: of v1.
    """

    def __init__(self, config: FeatureConfig) -> None:
        super().__init__()
        n_fft = config.n_fft
        self.padding, self.hop = n_fft // 2, config.hop_length
        window = librosa.filters.get_window("hann", n_fft, fftbins=True)
        # Products of integers first: k * n grows to a million, and its angle would lose digits.
        turns = np.outer(np.arange(n_fft // 2 + 1), np.arange(n_fft)) % n_fft / n_fft
        waves = np.concatenate([np.cos(2 * np.pi * turns), -np.sin(2 * np.pi * turns)]) * window
        mel = librosa.filters.mel(sr=config.sample_rate, n_fft=n_fft, n_mels=config.n_mels)
        self.waves: Tensor
        self.mel: Tensor
        self.register_buffer("waves", torch.from_numpy(waves.astype(np.float32))[:, None, :])
        self.register_buffer("mel", torch.from_numpy(mel))

    def forward(self, samples: Tensor) -> Tensor:
        decibels = self.decibels(samples)
        centred = decibels - decibels.mean(dim=(1, 2), keepdim=True)
        deviation = centred.square().mean(dim=(1, 2), keepdim=True).sqrt()
        silent = torch.full_like(deviation, EPSILON)
        return (centred / torch.where(deviation > 0, deviation, silent))[:, None]

    def decibels(self, samples: Tensor) -> Tensor:
        """Return v1 as extraction does, [batch, bands, frames]."""
        # Zeros on both sides, as librosa; torch's own transform would reflect.
        padded = F.pad(samples[:, None, :], (self.padding, self.padding))
        real, imaginary = F.conv1d(padded, self.waves, stride=self.hop).chunk(2, dim=1)
        powers = torch.matmul(self.mel, real.square() + imaginary.square())
        loudest = powers.amax(dim=(1, 2), keepdim=True)
        levels = 10 * torch.log10(powers.clamp(min=LEAST_POWER))
        return (levels - 10 * torch.log10(loudest.clamp(min=LEAST_POWER))).clamp(min=-TOP_DB)


class NetFromSamples(nn.Module):
    """One net: `label`, its softmax, and `embedding`, what its last layer sees."""

    def __init__(self, config: FeatureConfig, net: FittedNet) -> None:
        super().__init__()
        self.front, self.net = LogMel(config), net.module

    def forward(self, samples: Tensor) -> tuple[Tensor, Tensor]:
        """Return [batch, classes] and [batch, width] of float32 [batch, samples]."""
        return _said(self.net, self.front(samples))


class EnsembleFromSamples(nn.Module):
    """All voters: `label`, their calibrated probabilities, and their embeddings side by side.

    Args:
        classifier: whose voters are all nets of v1 at one sample rate and length.
        nets: of its members, in their order.
    """

    def __init__(self, classifier: Classifier, nets: Sequence[FittedNet]) -> None:
        super().__init__()
        configs = classifier.features
        self.fronts = nn.ModuleList(LogMel(config) for config in configs)
        self.nets = nn.ModuleList(net.module for net in nets)
        self.front_of = [configs.index(member.config.features) for member in classifier.members]
        self.folds = [len(voter.members) for voter in classifier.voters]
        self.times = [voter.times for voter in classifier.voters]
        self.temperature = classifier.temperature

    def forward(self, samples: Tensor) -> tuple[Tensor, Tensor]:
        """Return [batch, classes] and [batch, sum of widths] of float32 [batch, samples]."""
        seen = [front(samples) for front in self.fronts]
        said = [
            _said(net, seen[number]) for net, number in zip(self.nets, self.front_of, strict=True)
        ]
        logs, first = torch.zeros(()), 0
        for folds, times in zip(self.folds, self.times, strict=True):
            of_folds = [label for label, _ in said[first : first + folds]]
            mean = torch.stack(of_folds).mean(dim=0)
            logs = logs + times * torch.log(mean.clamp(min=LEAST))
            first += folds
        label = torch.softmax(logs / (sum(self.times) * self.temperature), dim=1)
        return label, torch.cat([embedding for _, embedding in said], dim=1)


def _said(net: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
    embedding: Tensor = net.embed(x)  # type: ignore[operator]
    head = net.get_submodule("head")
    return torch.softmax(head(embedding), dim=1), embedding
