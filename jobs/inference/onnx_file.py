"""ONNX files: written by torch's exporter, described, and compared with what they stand for."""

import json
import logging
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from jobs.errors import InputError
from jobs.extract.config import FeatureConfig
from jobs.files import replacing

Floats = npt.NDArray[np.float32]

MISSING = (
    "writing ONNX files takes packages that are not installed; say "
    "pip install 'clip-pipeline[export]' (in a clone: pip install -e '.[export]'), or --no-onnx"
)
# Of probabilities; what is worse is no export.
MOST_DIFFERENCE = 1e-3
INPUT, OUTPUTS = "samples", ("label", "embedding")


def require_packages() -> None:
    """Refuse to begin where a package is missing.

    Raises:
        InputError: says the pip line.
    """
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise InputError(f"{MISSING} ({error.name})") from None


def write_onnx(
    module: nn.Module, config: FeatureConfig, classes: Sequence[str], path: Path
) -> None:
    """Write a graph with input float32 [batch, samples] and outputs `label` and `embedding`.

    Args:
        module: see `jobs.inference.from_samples`.
        config: of what it hears: sample rate and seconds stand in the file's metadata.
        classes: labels in the order of `label`, in the metadata too.
        path: of the file.
    """
    import onnx

    example = torch.zeros(2, config.samples)
    batch = torch.export.Dim("batch", min=1, max=65_536)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        program = torch.onnx.export(
            module.eval(),
            (example,),
            dynamo=True,
            dynamic_shapes=({0: batch},),
            input_names=[INPUT],
            output_names=list(OUTPUTS),
            verbose=False,
        )
    assert program is not None
    with replacing(path) as temporary:
        program.save(str(temporary))
        model = onnx.load(str(temporary))
        onnx.helper.set_model_props(model, metadata(config, classes))
        onnx.save(model, str(temporary))


def metadata(config: FeatureConfig, classes: Sequence[str]) -> dict[str, str]:
    """Return what a runtime can ask of the file."""
    return {
        "sample_rate": str(config.sample_rate),
        "seconds": f"{config.seconds:g}",
        "classes": json.dumps(list(classes), ensure_ascii=False),
        "outputs": json.dumps(OUTPUTS),
    }


def run_onnx(path: Path, samples: Floats) -> tuple[Floats, Floats]:
    """Return `label` and `embedding` of float32 [clips, samples], by onnxruntime on a CPU."""
    import onnxruntime

    session: Any = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    parts = [
        session.run(list(OUTPUTS), {INPUT: samples[start : start + 16]})
        for start in range(0, len(samples), 16)
    ]
    label, embedding = (np.concatenate(each) for each in zip(*parts, strict=True))
    return label, embedding


def odd_clips(samples: int) -> Floats:
    """Return what breaks features: silence, an impulse, full scale, half a clip of zeros.

    Returns:
        float32 [4, samples].
    """
    time = np.arange(samples)
    noise = np.random.default_rng(0).normal(0, 0.1, samples)
    return np.stack([
        np.zeros(samples),
        np.where(time == samples // 3, 1.0, 0.0),
        np.sign(np.sin(time * 0.1)),
        np.where(time < samples // 2, noise, 0.0),
    ]).astype(np.float32)  # fmt: skip


def require_equal(path: Path, said: Floats, expected: Floats) -> float:
    """Return the largest difference of probabilities.

    Raises:
        InputError: it is more than an export may have.
    """
    difference = float(np.abs(said.astype(np.float64) - expected).max())
    if not difference <= MOST_DIFFERENCE:
        raise InputError(
            f"{path.name} says other probabilities than the model that it stands for (difference "
            f"{difference:.2g}, at most {MOST_DIFFERENCE:g} is allowed); nothing is exported. "
            "--no-onnx exports the weights alone"
        )
    return difference
