"""What every model is: settings that a grid may set, and what comes of fitting them.

A model is fitted either at once, by `OneShotModel.fit` (scikit-learn's way), or epoch by epoch, by
`jobs.train` (see `jobs.models.net.Net`). What comes of it predicts, is saved and is loaded alike.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from jobs.errors import DamagedFileError
from jobs.files import replacing
from jobs.models.archive import arrays_from_file
from jobs.schema import Schema

Floats = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]
Tensors = dict[str, npt.NDArray[Any]]

# Kernels and BLAS choose by shape how they sum, so the shape is always this one. Of the largest
# model, ResNet-110 at [64, 259], this many clips take about 0.5 GB in evaluation.
EVALUATION_BATCH = 64


class Fitted(ABC):
    """A model that has learned.

    Attributes:
        classes: labels by class index.
        shape: of one clip's features, as they were extracted.
    """

    classes: tuple[str, ...]
    shape: tuple[int, ...]

    def predict_proba(self, features: Floats) -> Floats:
        """Return class probabilities; each clip's are the same bits whatever stands beside it.

        Always in batches of one shape, the last one filled up with zeros: other shapes round
        sums differently.

        Args:
            features: float32 [clips, *shape], as they were extracted.

        Returns:
            float32 [clips, classes].
        """
        return self._in_batches(features, self.probabilities, len(self.classes))

    def _in_batches(
        self, features: Floats, work: Callable[[Floats], Floats], columns: int
    ) -> Floats:
        result = np.empty((len(features), columns), dtype=np.float32)
        for start in range(0, len(features), EVALUATION_BATCH):
            part = features[start : start + EVALUATION_BATCH]
            batch = np.zeros((EVALUATION_BATCH, *self.shape), dtype=np.float32)
            batch[: len(part)] = part
            result[start : start + len(part)] = work(batch)[: len(part)]
        return result

    @abstractmethod
    def probabilities(self, batch: Floats) -> Floats:
        """Return [EVALUATION_BATCH, classes] of float32 [EVALUATION_BATCH, *shape]."""

    @abstractmethod
    def save(self, path: Path) -> None:
        """Write everything that `load` of its settings needs to a file of its own."""

    def tensors(self) -> Tensors:
        """Return what was learned as arrays by name, from which `Model.of_tensors` makes it again.

        Raises:
            NotImplementedError: this kind cannot be exported.
        """
        raise NotImplementedError(f"{type(self).__name__} is not made of arrays")


class Model(Schema):
    """A kind of model and its settings; a subclass has one field a setting.

    Attributes:
        name: what `model:` says in a grid.
        needs_gpu: whether a job that fits it should have a GPU.
        has_chance: whether a seed changes what is fitted; of a model without, runs that differ in
            nothing else are one run, for a second vote of the same model says nothing.
        suffix: of the file that holds what was fitted.
    """

    name: ClassVar[str]
    needs_gpu: ClassVar[bool] = False
    has_chance: ClassVar[bool] = True
    suffix: ClassVar[str]

    def parameters(self, inputs: int) -> int:
        """Return about how many values are fitted, without building anything.

        Args:
            inputs: values of one clip's features.
        """
        raise NotImplementedError

    def load(
        self, path: Path, classes: Sequence[str], shape: Sequence[int], device: str = "cpu"
    ) -> Fitted:
        """Read what `Fitted.save` wrote.

        Args:
            path: of the file.
            classes: labels by class index.
            shape: of one clip's features.
            device: where it is to predict; models without a use for a GPU ignore it.

        Raises:
            DamagedFileError: the file is missing, cut or changed, or holds another model.
            OSError, MemoryError: it cannot be read now.
        """
        raise NotImplementedError

    def of_tensors(
        self, tensors: Tensors, classes: Sequence[str], shape: Sequence[int], device: str = "cpu"
    ) -> Fitted:
        """Make a model of what `Fitted.tensors` returned; for the others see `load`.

        Raises:
            DamagedFileError: they are another model's.
        """
        raise NotImplementedError(f"{self.name} is not made of arrays")


class OneShotModel(Model):
    """A model that is fitted in one call, on a CPU: it has one candidate and no epochs."""

    suffix: ClassVar[str] = ".npz"

    def fit(self, features: Floats, labels: Labels, classes: Sequence[str], seed: int) -> Fitted:
        """Fit the model; the same arguments give the same bits.

        joblib and BLAS already know how many threads they may use.

        Args:
            features: float32 [clips, *shape], as they were extracted.
            labels: int64 [clips], class indices.
            classes: labels by class index; each has at least one clip.
            seed: of whatever is random.
        """
        raise NotImplementedError


class FittedArrays(Fitted):
    """What was fitted is a few arrays: saved as plain numbers, and loaded without any pickle.

    Attributes:
        arrays: numbers, by name.
        names: of the arrays that there must be.
    """

    names: ClassVar[tuple[str, ...]]

    def __init__(
        self,
        arrays: dict[str, npt.NDArray[Any]],
        classes: Sequence[str],
        shape: Sequence[int],
    ) -> None:
        # One order in memory: BLAS rounds another one's sums differently, and safetensors writes
        # its bytes under the wrong places without a word.
        self.arrays = {name: np.ascontiguousarray(values) for name, values in arrays.items()}
        self.classes, self.shape = tuple(classes), tuple(shape)

    def tensors(self) -> Tensors:
        return self.arrays

    @classmethod
    def of_tensors(cls, tensors: Tensors, classes: Sequence[str], shape: Sequence[int]) -> Self:
        """Make it of what `tensors` returned.

        Raises:
            DamagedFileError: other arrays are there.
        """
        if set(tensors) != set(cls.names):
            raise DamagedFileError(f"there are arrays {sorted(tensors)}, not {sorted(cls.names)}")
        return cls(dict(tensors), classes, shape)

    def save(self, path: Path) -> None:
        with replacing(path) as temporary, temporary.open("wb") as file:
            np.savez(file, **self.arrays)  # type: ignore[arg-type]

    @classmethod
    def load(cls, path: Path, classes: Sequence[str], shape: Sequence[int]) -> Self:
        """Read what `save` wrote; the archive's checksums cover every byte.

        Raises:
            DamagedFileError: the file is missing, cut or changed, or holds other arrays.
        """
        try:
            return cls(arrays_from_file(path, cls.names), classes, shape)
        except FileNotFoundError as error:
            raise DamagedFileError(f"{path} is missing") from error
