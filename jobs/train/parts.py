"""The table of parts: what a run may be made of, and reading them from flat settings."""

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from jobs.errors import InputError, quoted
from jobs.extract.config import FeatureConfig
from jobs.models import MODELS
from jobs.models.model import Model
from jobs.models.net import Net
from jobs.schema import Schema
from jobs.train.augment import AUGMENTATIONS
from jobs.train.augment.strengths import AUGMENT, with_strength
from jobs.train.clips.order import Balance
from jobs.train.keeping import PlannedCheckpoints
from jobs.train.optimizer import OPTIMIZERS, OptimizerPart
from jobs.train.recipe import (
    SEED,
    Basics,
    Computing,
    EarlyStopping,
    Ema,
    GradientClipping,
    LabelSmoothing,
    MinLoss,
    OptionalPart,
    Training,
    Where,
    own_settings,
)
from jobs.train.schedule import SCHEDULES, SchedulePart

# What a run has one of, by the setting that chooses it: the kinds, and the one by default.
MODEL, OPTIMIZER, SCHEDULE = "model", "optimizer", "schedule"
CHOICES: dict[str, tuple[Mapping[str, type[Schema]], str]] = {
    MODEL: (MODELS, "resnet"),
    OPTIMIZER: (OPTIMIZERS, "sgd"),
    SCHEDULE: (SCHEDULES, "plateau"),
}
# What a net may have besides. A new part is one class and its name here.
OPTIONAL: dict[str, type[OptionalPart]] = {
    "balance": Balance,
    "label_smoothing": LabelSmoothing,
    "clip_grad": GradientClipping,
    "ema": Ema,
    "early_stopping": EarlyStopping,
    "min_loss": MinLoss,
    "planned_checkpoints": PlannedCheckpoints,
}

P = TypeVar("P", bound=Schema)


def read_parts(settings: Mapping[str, Any], where: Where) -> dict[str, Schema]:
    """Return the parts that flat settings give a run, by name.

    A net is trained epoch by epoch and has parts for that; what is fitted at once has none.

    Raises:
        InputError: a wrong value.
    """
    position = where if callable(where) else lambda _: where
    features = _read(FeatureConfig, settings, where)
    settings = with_strength(settings, features.frames, position(AUGMENT))
    model = _chosen(MODEL, settings, where)
    assert isinstance(model, Model)
    parts: dict[str, Schema | None] = {"features": features, MODEL: model}
    basics = _read(Basics, settings, where)
    parts["basics"] = basics if model.has_chance else basics.model_copy(update={"seed": SEED})
    if isinstance(model, Net):
        _require_order(features, model, position(MODEL))
        parts["training"] = _read(Training, settings, where)
        parts[OPTIMIZER] = _chosen(OPTIMIZER, settings, where)
        parts[SCHEDULE] = _chosen(SCHEDULE, settings, where)
        parts["computing"] = _read(Computing, settings, where)
        parts |= {name: kind.read(settings, where) for name, kind in OPTIONAL.items()}
        parts |= {kind.name: kind.read_for(features, settings, where) for kind in AUGMENTATIONS}
    return {name: part for name, part in parts.items() if part is not None}


def _require_order(features: FeatureConfig, model: Net, where: str) -> None:
    """Refuse a net that convolves over rows which have no order.

    Raises:
        InputError: says which models take them.
    """
    if not features.kind.suits_nets and not model.takes_vectors:
        others = [m.name for m in MODELS.values() if not issubclass(m, Net) or m.takes_vectors]
        raise InputError(
            f"{where}: `model: {model.name}` convolves over the rows of `features: "
            f"{features.features}`, which have no order; use {', '.join(others[:-1])} or "
            f"{others[-1]}"
        )


def _read(kind: type[P], settings: Mapping[str, Any], where: Where) -> P:
    return kind.checked(own_settings(kind, settings), where)


def _chosen(setting: str, settings: Mapping[str, Any], where: Where) -> Schema:
    """Return the part that a setting chooses among its kinds."""
    kinds, default = CHOICES[setting]
    wanted = settings.get(setting, default)
    if not isinstance(wanted, str) or wanted not in kinds:
        *most, last = map(repr, kinds)
        position = where(setting) if callable(where) else where
        raise InputError(
            f"{position}: `{setting}`: input should be {', '.join(most)} or {last}; got "
            f"{quoted(wanted)}"
        )
    return _read(kinds[wanted], settings, where)


def kind_of(part: Schema) -> str:
    """Return the name by which a grid chooses such a model, optimiser or schedule."""
    assert isinstance(part, Model | OptimizerPart | SchedulePart)
    return part.name


def setting_names() -> Iterator[str]:
    """Yield every setting that some run may have; some more than once."""
    yield from (*CHOICES, AUGMENT)
    chosen = [kind for kinds, _ in CHOICES.values() for kind in kinds.values()]
    parts: list[type[Schema]] = [FeatureConfig, Basics, Training, Computing, *chosen]
    for part in (*parts, *OPTIONAL.values(), *AUGMENTATIONS):
        yield from part.model_fields
