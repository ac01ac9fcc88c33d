"""What every change to training clips is: settings, numbers drawn for an epoch, and applying them.

Importing it imports no torch: login nodes read the settings.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
import numpy.typing as npt

from jobs.extract.config import FeatureConfig
from jobs.train.recipe import OptionalPart, Where, own_settings

if TYPE_CHECKING:
    import torch
    from torch import Tensor

# What was drawn: for each column an array with a row a visit, in the order of the epoch.
Drawn = dict[str, npt.NDArray[np.generic]]


@dataclass(frozen=True)
class Batch:
    """Clips on their way to the network.

    Attributes:
        features: float32 [batch, 1, bands, frames].
        targets: int64 [batch], class indices; once clips are blended, float32 [batch, classes].
        labels: int64 [batch], by which accuracy is counted.
    """

    features: "Tensor"
    targets: "Tensor"
    labels: "Tensor"


@dataclass(frozen=True)
class Rows:
    """What was drawn for the clips of one batch.

    Attributes:
        columns: float32 or int64 [batch, ...], on the batch's device.
        generator: for whatever is random in every value (noise), on that device; the batches of
            an epoch use it in turn.
        classes: how many there are.
    """

    columns: Mapping[str, "Tensor"]
    generator: "torch.Generator"
    classes: int

    def __getitem__(self, column: str) -> "Tensor":
        return self.columns[column]


class Augmentation(OptionalPart):
    """One kind of change. A subclass has its settings, among them its probability `<name>_p`.

    Attributes:
        name: unique; its random numbers hang on it.
        title: what it is called in a picture.
        scale: whether it works on features as extracted (decibels) or on normalised ones, where 0
            is the mean of a clip and 1 its standard deviation.
        blends: whether a clip is blended with another one, of which it then tells too.
        neutral: the columns that say how strong a change is, and their values that do nothing.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    scale: ClassVar[Literal["raw", "normalised"]] = "normalised"
    blends: ClassVar[bool] = False
    neutral: ClassVar[Mapping[str, float]]

    @property
    def probability(self) -> float:
        return float(getattr(self, f"{self.name}_p"))

    @property
    def is_on(self) -> bool:
        return self.probability > 0

    @classmethod
    def suited_to(cls, features: FeatureConfig) -> bool:
        """Whether the change means anything on these features; where not, it stays off."""
        return True

    @classmethod
    def unused_settings(cls, features: FeatureConfig) -> tuple[str, ...]:
        """Return the settings that mean nothing on these features; they keep their defaults."""
        return ()

    @classmethod
    def read_for(
        cls, features: FeatureConfig, settings: Mapping[str, Any], where: Where
    ) -> Self | None:
        """Check its settings among all of a run; None if it is off, or not suited."""
        if not cls.suited_to(features):
            return None
        own = own_settings(cls, settings)
        for name in cls.unused_settings(features):
            own.pop(name, None)
        return cls.read(own, where)

    def draw(self, rng: np.random.Generator, visits: int, shape: tuple[int, int]) -> Drawn:
        """Draw how each visit of an epoch is changed.

        A row must not depend on how many there are: take `rng.random((visits, columns))` once.

        Args:
            rng: a stream of its own.
            visits: rows.
            shape: bands and frames of a clip.

        Returns:
            Columns of [visits, ...]; the values of a visit that is left alone do nothing.
        """
        raise NotImplementedError

    def apply(self, batch: Batch, rows: Rows) -> Batch:
        """Change a batch; a row that does nothing gives the same bits back."""
        raise NotImplementedError

    def hits(self, uniform: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
        """Return which visits are changed, given a number of [0, 1) for each."""
        return uniform < self.probability


def stream(seed: int, epoch: int, name: str) -> list[int]:
    """Return what seeds one purpose's random numbers in an epoch: a new purpose moves no other."""
    digest = hashlib.sha256(name.encode()).digest()
    return [seed, epoch, int.from_bytes(digest[:8], "big")]


def between(low: float, high: float, uniform: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return numbers from `low` to `high`."""
    return low + (high - low) * uniform


def whole_between(
    low: int, high: npt.ArrayLike, uniform: npt.NDArray[np.float64]
) -> npt.NDArray[np.int64]:
    """Return whole numbers from `low` to `high`, both included."""
    return (low + np.floor(uniform * (np.asarray(high) - low + 1))).astype(np.int64)


def counted(count: int, like: "Tensor") -> "Tensor":
    """Return int64 0, 1, ... below `count`, on the device of another tensor."""
    import torch

    return torch.arange(count, device=like.device)
