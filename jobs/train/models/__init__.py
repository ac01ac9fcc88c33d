"""The models, each for input [batch, 1, bands, frames] and any number of classes."""

from torch import nn

from jobs.train.models.cnn import PlainCnn
from jobs.train.models.densenet import DenseNet
from jobs.train.models.inception import Inception
from jobs.train.models.resnet import CifarResNet
from jobs.train.settings.model import ModelConfig


def build_model(config: ModelConfig, classes: int) -> nn.Module:
    """Return the untrained model that `config` names, with weights drawn from torch's seed."""
    match config.model:
        case "resnet":
            return CifarResNet(config.depth, classes, config.shortcut)
        case "cnn":
            return PlainCnn(classes)
        case "inception":
            return Inception(classes)
        case "densenet":
            return DenseNet(config.densenet_depth, config.growth, classes)


def parameter_count(model: nn.Module) -> int:
    """Return the number of trained values."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)
