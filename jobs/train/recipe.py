"""The small parts of a run's config: what every run has, what a net has, what may be added.

Each part is a class with one field a setting. An `OptionalPart` is absent while it is off, so that
a new one renames no run.
"""

from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import Field

from jobs.schema import Schema

if TYPE_CHECKING:
    from jobs.train.history import History

Where = str | Callable[[str], str]


class OptionalPart(Schema):
    """A part that a run has only if it is on."""

    @property
    @abstractmethod
    def is_on(self) -> bool:
        """Whether these settings change anything."""
        raise NotImplementedError

    @classmethod
    def read(cls, settings: Mapping[str, Any], where: Where) -> Self | None:
        """Check this part's settings among all of a run; None if they leave it off."""
        part = cls.checked(own_settings(cls, settings), where)
        return part if part.is_on else None


def own_settings(part: type[Schema], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of all settings that belong to a part."""
    return {name: value for name, value in settings.items() if name in part.model_fields}


SEED = 0


class Basics(Schema):
    """What every run has."""

    seed: int = Field(SEED, ge=0, le=2**32 - 1)
    threads: int = Field(
        2, ge=1, le=256, description="CPU threads; another number rounds sums differently"
    )


class Training(Schema):
    """How long a net is trained, and how much of it is kept."""

    epochs: int = Field(50, ge=1, le=99_999)
    batch_size: int = Field(64, ge=1, le=65_536)
    keep: int = Field(5, ge=1, le=100, description="best checkpoints kept of the run")


class Computing(Schema):
    """How a net computes, as requested; what hardware then chose stands in hardware.json."""

    precision: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto", description="auto: exact on a CPU; on a GPU the fastest that it does well"
    )
    storage: Literal["float32", "float16"] = Field(
        "float32", description="in which type features rest in memory; float16 takes half"
    )


class LabelSmoothing(OptionalPart):
    """Szegedy et al. 2015, section 7: a part of each target is spread over all classes."""

    label_smoothing: float = Field(0, ge=0, lt=1)

    @property
    def is_on(self) -> bool:
        return self.label_smoothing > 0


class GradientClipping(OptionalPart):
    """A longer gradient is shortened to this norm: Pascanu et al. 2013."""

    clip_grad: float | None = Field(None, gt=0, description="largest norm of the gradient")

    @property
    def is_on(self) -> bool:
        return self.clip_grad is not None


class Ema(OptionalPart):
    """A moving average of the weights, which then is the result."""

    ema: float | None = Field(None, gt=0, lt=1, description="decay of the averaged weights")

    @property
    def is_on(self) -> bool:
        return self.ema is not None


class EarlyStopping(OptionalPart):
    """Ends a run that no longer gets better."""

    early_stopping: int | None = Field(
        None, ge=1, description="stop after this many epochs without a lower val loss"
    )

    @property
    def is_on(self) -> bool:
        return self.early_stopping is not None

    def reason_to_stop(self, history: "History") -> str | None:
        """Return why training ends after the last epoch of `history`, or None if it goes on."""
        losses = [row.val_loss for row in history.rows]
        best = losses.index(min(losses)) + 1
        if self.early_stopping is not None and len(losses) - best >= self.early_stopping:
            return f"no lower validation loss since epoch {best} (early stopping)"
        return None


class MinLoss(OptionalPart):
    """Ends a run whose training loss is low enough."""

    min_loss: float | None = Field(
        None, gt=0, description="stop once the training loss of an epoch is below this"
    )

    @property
    def is_on(self) -> bool:
        return self.min_loss is not None

    def reason_to_stop(self, history: "History") -> str | None:
        """Return why training ends after the last epoch of `history`, or None if it goes on."""
        last = history.rows[-1]
        if self.min_loss is not None and last.train_loss < self.min_loss:
            return f"training loss below min_loss {self.min_loss:g} in epoch {last.epoch}"
        return None
