"""An ONNX file as a function from samples to vectors; onnxruntime on one thread of a CPU."""

import functools
import hashlib
import json
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from jobs.extract.config import FeatureConfig

Floats = npt.NDArray[np.float32]

DEFAULT_OUTPUT = "embedding"
MISSING = (
    "`features: embedding` takes onnxruntime, which is not installed: pip install onnxruntime "
    "(in a clone: pip install -e '.[export]')"
)
# What the metadata of public files call it.
RATES, LENGTHS = ("sample_rate", "sampling_rate", "sr"), ("seconds", "duration_s", "window_s")


@dataclass(frozen=True)
class OnnxNet:
    """What is known of a file.

    Attributes:
        path: of the file.
        sha256: of its bytes.
        input: its name; float32 [batch, samples].
        batch: if the file fixes how many go in at once.
        fixed_samples: if it fixes how long a window is.
        output: which of its outputs is taken, float [batch, dimensions].
        dimensions: of a vector.
        sample_rate, seconds: from its metadata, if they are there.
    """

    path: str
    sha256: str
    input: str
    batch: int | None
    fixed_samples: int | None
    output: str
    dimensions: int
    sample_rate: int | None
    seconds: float | None

    @classmethod
    def of(cls, config: "FeatureConfig") -> "OnnxNet":
        """Look at the file that a config names.

        Raises:
            ValueError: it names none, or no file of that form.
        """
        return described(config.embedding_model, config.embedding_output)

    def samples(self, config: "FeatureConfig") -> int:
        """Return how long a window is: as the file says, else the whole clip."""
        if self.fixed_samples:
            return self.fixed_samples
        return round(self.seconds * config.sample_rate) if self.seconds else config.samples

    def run(self, windows: Floats) -> Floats:
        """Return float32 [windows, dimensions] of float32 [windows, samples].

        One by one: other batches round otherwise, and a clip's vectors must not depend on it.
        """
        session = _session(self.path, self.sha256)
        size = self.batch or 1
        found = np.empty((len(windows), self.dimensions), np.float32)
        for number, window in enumerate(windows):
            batch = np.zeros((size, len(window)), np.float32)
            batch[0] = window
            (said,) = session.run([self.output], {self.input: batch})
            found[number] = np.asarray(said, np.float32).reshape(size, -1)[0]
        return found


def runtime_version() -> str:
    try:
        return f"onnxruntime {version('onnxruntime')}"
    except PackageNotFoundError:
        return ""


def described(path: str | None, output: str | None) -> OnnxNet:
    """Look at a file.

    Raises:
        ValueError: there is none, onnxruntime is missing, or input and outputs are of another form.
    """
    if path is None:
        raise ValueError("`features: embedding` needs `embedding_model: path/to/net.onnx`")
    file = Path(path).expanduser()
    if not file.is_file():
        raise ValueError(f"`embedding_model: {path}` does not exist")
    status = file.stat()
    return _described(str(file.absolute()), output, status.st_mtime_ns, status.st_size)


@functools.lru_cache(maxsize=32)
def _described(path: str, output: str | None, _mtime_ns: int, _size: int) -> OnnxNet:
    sha256 = hashlib.sha256(Path(path).read_bytes()).hexdigest()
    session = _session(path, sha256)
    taken = session.get_inputs()
    if len(taken) != 1 or len(taken[0].shape) != 2 or taken[0].type != "tensor(float)":
        shapes = ", ".join(f"{each.name} {each.type} {each.shape}" for each in taken)
        raise ValueError(f"{path}: expected one input float32 [batch, samples]; got {shapes}")
    outputs = {each.name: each.shape for each in session.get_outputs()}
    name = output or DEFAULT_OUTPUT
    if name not in outputs:
        there = ", ".join(f"{each} {shape}" for each, shape in outputs.items())
        raise ValueError(f"{path} has no output `{name}`; say `embedding_output`, one of: {there}")
    shape = outputs[name]
    if len(shape) != 2 or not isinstance(shape[1], int):
        raise ValueError(f"{path}: the output `{name}` has shape {shape}, not [batch, dimensions]")
    known = session.get_modelmeta().custom_metadata_map
    batch, samples = (n if isinstance(n, int) and n > 0 else None for n in taken[0].shape)
    rate, seconds = _number(known, RATES), _number(known, LENGTHS)
    return OnnxNet(
        path=path, sha256=sha256, input=taken[0].name, batch=batch, fixed_samples=samples,
        output=name, dimensions=shape[1], sample_rate=round(rate) if rate else None,
        seconds=seconds if seconds else None,
    )  # fmt: skip


def _number(known: dict[str, str], names: tuple[str, ...]) -> float | None:
    for name in names:
        try:
            return float(json.loads(known[name]))
        except (KeyError, ValueError, TypeError):
            continue
    return None


@functools.lru_cache(maxsize=4)
def _session(path: str, sha256: str) -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise ValueError(MISSING) from error
    options = onnxruntime.SessionOptions()
    # A worker has one CPU, and several threads would add up in another order each time.
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime raises kinds of its own
        raise ValueError(f"{path} is no ONNX file that onnxruntime reads: {error}") from error
