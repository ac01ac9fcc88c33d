"""The models, each for input [batch, 1, bands, frames] and any number of classes."""

from torch import nn

from jobs.train.config import RunConfig
from jobs.train.models.resnet import CifarResNet


def build_model(config: RunConfig, classes: int) -> nn.Module:
    """Return the untrained model that `config` names, with weights drawn from torch's seed."""
    return CifarResNet(config.depth, classes)
