"""embedding: what a pretrained net says of a recording, from samples; any ONNX file of that form.

Public nets for animal sounds and for everyday ones take float32 [batch, samples] at a rate and
length of their own and give a vector beside their classes. The vectors of a recording's windows
stand side by side: a classifier over them learns from few clips what the net has heard in millions.
"""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from jobs.extract.features.kind import FeatureKind, Floats

if TYPE_CHECKING:
    from jobs.extract.config import FeatureConfig
    from jobs.extract.features.analysis import ClipAnalysis


class Embedding(FeatureKind):
    """Vectors of windows: float32 [dimensions, windows]."""

    name = "embedding"
    # Neighbouring dimensions have nothing to do with each other.
    suits_nets = False
    own_settings = ("embedding_model", "embedding_output")

    def completed(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Take rate and length from the file, where they are not said, and its whole path."""
        from jobs.extract.onnx_net import described

        net = described(values.get("embedding_model"), values.get("embedding_output"))
        said = {"sample_rate": net.sample_rate, "seconds": net.seconds}
        known = {name: value for name, value in said.items() if value is not None}
        return known | dict(values) | {"embedding_model": net.path}

    def require_settings(self, config: "FeatureConfig") -> None:
        from jobs.extract.onnx_net import OnnxNet

        net = OnnxNet.of(config)
        if net.sample_rate not in (None, config.sample_rate):
            raise ValueError(
                f"{net.path} expects {net.sample_rate} Hz according to its metadata, not "
                f"`sample_rate: {config.sample_rate}`; remove that setting"
            )

    def made_from(self, config: "FeatureConfig") -> list[str]:
        from jobs.extract.onnx_net import OnnxNet, runtime_version

        return [OnnxNet.of(config).sha256, runtime_version()]

    def shape(self, config: "FeatureConfig") -> tuple[int, ...]:
        from jobs.extract.onnx_net import OnnxNet

        net = OnnxNet.of(config)
        return net.dimensions, math.ceil(config.samples / net.samples(config))

    def mel_bands(self, config: "FeatureConfig") -> tuple[int, ...]:
        return ()

    def compute(self, clip: "ClipAnalysis", config: "FeatureConfig") -> Floats:
        from jobs.extract.onnx_net import OnnxNet

        net = OnnxNet.of(config)
        length, (_, windows) = net.samples(config), self.shape(config)
        padded = np.zeros(windows * length, np.float32)
        padded[: len(clip.samples)] = clip.samples
        return np.ascontiguousarray(net.run(padded.reshape(windows, length)).T)
