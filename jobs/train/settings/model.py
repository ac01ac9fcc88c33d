"""Which network, and how large."""

from typing import Literal

from pydantic import Field, field_validator

from jobs.schema import Schema

# Trained values of the models that have one size, with one input channel and four classes.
CNN_PARAMETERS, INCEPTION_PARAMETERS = 1_173_000, 282_000
# A CIFAR ResNet has about this many a layer.
RESNET_PARAMETERS_A_LAYER = 16_000


class ModelConfig(Schema):
    """The network; every one takes [batch, 1, bands, frames] of any feature set."""

    model: Literal["resnet", "cnn", "inception", "densenet"] = Field(
        "resnet", description="CIFAR-style ResNet, VGG-like CNN, Inception, DenseNet-BC"
    )
    depth: int = Field(110, ge=8, le=1202, description="resnet: layers, 6n + 2")
    shortcut: Literal["A", "B"] = Field(
        "A", description="resnet: where the shape changes, A pads with zeros, B projects"
    )
    densenet_depth: int = Field(100, ge=10, le=1000, description="densenet: layers, 6n + 4")
    growth: int = Field(12, ge=1, le=256, description="densenet: channels that a layer adds")

    @field_validator("depth")
    @classmethod
    def _depth_is_6n_plus_2(cls, depth: int) -> int:
        return _require_blocks(depth, 2, "a ResNet")

    @field_validator("densenet_depth")
    @classmethod
    def _depth_is_6n_plus_4(cls, depth: int) -> int:
        return _require_blocks(depth, 4, "a DenseNet-BC of three blocks")

    @property
    def approximate_parameters(self) -> int:
        """About how many values the network trains, known without building it."""
        if self.model == "resnet":
            return self.depth * RESNET_PARAMETERS_A_LAYER
        if self.model == "densenet":
            return _densenet_parameters(self.densenet_depth, self.growth)
        return CNN_PARAMETERS if self.model == "cnn" else INCEPTION_PARAMETERS


def _require_blocks(depth: int, outside: int, what: str) -> int:
    if (depth - outside) % 6:
        lower = outside + 6 * ((depth - outside) // 6)
        raise ValueError(
            f"{what} has 6n + {outside} layers; the nearest are {lower} and {lower + 6}"
        )
    return depth


def _densenet_parameters(depth: int, growth: int) -> int:
    channels, total = 2 * growth, 0
    for block in range(3):
        for _ in range((depth - 4) // 6):
            total += 4 * growth * channels + 9 * 4 * growth * growth
            channels += growth
        if block < 2:
            total += channels * (channels // 2)
            channels //= 2
    return total
