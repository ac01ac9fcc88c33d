"""Random search: points drawn from distributions, in the words that Optuna and Ray use.

Bergstra & Bengio 2012, "Random Search for Hyper-Parameter Optimization".
"""

import hashlib
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from jobs.errors import InputError, quoted

# So many numbers tell runs apart, and a person can still read their names.
DIGITS = 4
# How often a point is drawn again that was drawn before, where choices are few.
TRIES = 1_000


class Distribution(ABC):
    """What the values of one setting are drawn from."""

    @abstractmethod
    def at(self, uniform: float) -> Any:
        """Return the value at a number of [0, 1)."""


@dataclass(frozen=True)
class Uniform(Distribution):
    """From `low` to `high`."""

    low: float
    high: float

    def at(self, uniform: float) -> float:
        return rounded(self.low + (self.high - self.low) * uniform)


@dataclass(frozen=True)
class LogUniform(Distribution):
    """From `low` to `high`, each factor of ten as likely as any other."""

    low: float
    high: float

    def at(self, uniform: float) -> float:
        low, high = math.log(self.low), math.log(self.high)
        return rounded(math.exp(low + (high - low) * uniform))


@dataclass(frozen=True)
class RandInt(Distribution):
    """Whole numbers from `low` to below `high`, as of numpy's and Ray's randint."""

    low: int
    high: int

    def at(self, uniform: float) -> int:
        return self.low + int((self.high - self.low) * uniform)


@dataclass(frozen=True)
class Choice(Distribution):
    """One of these values."""

    values: tuple[Any, ...]

    def at(self, uniform: float) -> Any:
        return self.values[int(len(self.values) * uniform)]


WORDS = ("loguniform", "uniform", "choice", "randint")


def rounded(value: float) -> float:
    """Return a value with the digits that a run's name shows: the name then says all of it."""
    return float(f"{value:.{DIGITS}g}")


def read_distribution(said: Any, where: str) -> Distribution:
    """Read `{loguniform: [1e-4, 1e-1]}`.

    Args:
        said: in a grid.
        where: it was, for messages.

    Raises:
        InputError: it is no distribution, or its bounds are none.
    """
    words = ", ".join(WORDS)
    if not isinstance(said, dict) or len(said) != 1 or next(iter(said)) not in WORDS:
        raise InputError(
            f"{where} must be one of {words} with its values, for instance "
            f"{{loguniform: [1e-4, 1e-1]}}; got {quoted(said)}"
        )
    ((word, values),) = said.items()
    if not isinstance(values, list) or not values:
        raise InputError(f"{where}: `{word}` takes a list; got {quoted(values)}")
    if word == "choice":
        return Choice(tuple(values))
    numbers = [value for value in values if _is_number(value)]
    if len(numbers) != 2 or len(values) != 2 or not numbers[0] < numbers[1]:
        raise InputError(
            f"{where}: `{word}` takes [low, high], low below high; got {quoted(values)}"
        )
    low, high = numbers
    if word == "randint":
        if not all(isinstance(value, int) for value in numbers):
            raise InputError(f"{where}: `randint` takes whole numbers; got {quoted(values)}")
        return RandInt(low, high)
    if word == "loguniform" and low <= 0:
        raise InputError(f"{where}: `loguniform` takes bounds above 0; got {quoted(values)}")
    return LogUniform(low, high) if word == "loguniform" else Uniform(low, high)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def draw_points(space: Mapping[str, Distribution], number: int, seed: int) -> list[dict[str, Any]]:
    """Draw different points; the first ones stay the same where more are drawn.

    Each setting has a stream of its own: another one more changes no value of this one.

    Raises:
        ValueError: there are fewer different points than that.
    """
    streams = {name: np.random.default_rng([seed, _number(name)]) for name in space}
    points: list[dict[str, Any]] = []
    tries = 0
    while len(points) < number:
        point = {name: space[name].at(float(rng.random())) for name, rng in streams.items()}
        tries = 0 if point not in points else tries + 1
        if tries == 0:
            points.append(point)
        elif tries > TRIES:
            raise ValueError(
                f"`random: {number}` asks for more runs than `search` has: {len(points)} different "
                "ones were found"
            )
    return points


def _number(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")
