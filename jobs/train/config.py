"""Every choice of one training run, as parts. The defaults are those of the report.

What a user writes is flat (`lr: 0.01`); here each setting belongs to a part, and a run has only
the parts that mean something for it: no optimiser without epochs, no augmentation that is off.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from jobs.errors import DamagedFileError, InputError
from jobs.extract.config import FeatureConfig
from jobs.files import read_json, write_json
from jobs.models import MODELS
from jobs.models.model import Model
from jobs.models.net import Net
from jobs.schema import Schema, fingerprint, unknown_setting
from jobs.train.augment import AUGMENTATIONS
from jobs.train.augment.augmentation import Augmentation
from jobs.train.clips.order import Balance
from jobs.train.optimizer import OPTIMIZERS, AdamW, OptimizerPart
from jobs.train.recipe import (
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
from jobs.train.schedule import SCHEDULES, SchedulePart, WarmUpPart

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
}
# A state holds each weight, at most two values of the optimiser for it, and an average.
BYTES_PER_VALUE = 4

P = TypeVar("P", bound=Schema)


@dataclass(frozen=True)
class RunConfig:
    """One hyper-parameter set, features included; a grid names only what differs from it.

    Settings of a part that the run does not have (the depth of a CNN, the momentum of AdamW, a
    shift in time of v3) are ignored: such runs are the same run, and `--set depth=20` changes the
    ResNets of a grid alone.

    Attributes:
        parts: by name; only those that are there.
    """

    parts: Mapping[str, Schema]

    @classmethod
    def parse(cls, settings: Mapping[str, Any], where: Where = "the settings") -> "RunConfig":
        """Read flat settings; what they leave out has its default.

        Args:
            settings: by name.
            where: they came from, or a function from a setting to where it stands; for messages.

        Raises:
            InputError: an unknown key (with the nearest valid one) or a wrong value.
        """
        position = where if callable(where) else lambda _: where
        names = cls.setting_names()
        for name in settings:
            if name not in names:
                raise InputError(f"{position(str(name))}: {unknown_setting(str(name), names)}")
        features = _read(FeatureConfig, settings, where)
        model = _chosen(MODEL, settings, where)
        parts = {"features": features, MODEL: model, "basics": _read(Basics, settings, where)}
        if isinstance(model, Net):
            parts |= _parts_of_a_net(features, settings, where)
        config = cls(parts)
        config._require_warmup_fits(position(""))
        return config

    @classmethod
    def setting_names(cls) -> tuple[str, ...]:
        """Return every setting that some run may have."""
        names = dict.fromkeys(CHOICES)
        for part in _all_parts():
            names |= dict.fromkeys(part.model_fields)
        return tuple(names)

    def settings(self) -> dict[str, Any]:
        """Return the flat settings of the parts that are there; `parse` reads them again."""
        flat: dict[str, Any] = {}
        for name, part in self.parts.items():
            flat |= ({name: part.name} if name in CHOICES else {}) | part.model_dump()  # type: ignore[attr-defined]
        return flat

    def differences(self) -> dict[str, Any]:
        """Return the settings that differ from the defaults."""
        flat: dict[str, Any] = {}
        for name, part in self.parts.items():
            if name in CHOICES and part.name != CHOICES[name][1]:  # type: ignore[attr-defined]
                flat[name] = part.name  # type: ignore[attr-defined]
            for setting, field in type(part).model_fields.items():
                if (value := getattr(part, setting)) != field.default:
                    flat[setting] = value
        return flat

    def but(self, **settings: Any) -> "RunConfig":
        """Return the same run with other settings."""
        return self.parse(self.settings() | settings)

    def signature(self, labelled_fingerprint: str, fold_fingerprint: str) -> str:
        """Return the name of a run's folder: it changes with all that the result depends on.

        Covered are the parts that are there, whole (defaults too, so that a changed default makes
        a new run), the libraries that computed the features, the labelled clips and the fold.
        """
        parts = {name: self._named(name) for name in self.parts}
        features = self.features.fingerprint()
        return fingerprint([parts, features, labelled_fingerprint, fold_fingerprint])

    def _named(self, name: str) -> dict[str, Any]:
        part = self.parts[name]
        kind = {"kind": part.name} if name in CHOICES else {}  # type: ignore[attr-defined]
        return kind | part.model_dump(mode="json")

    def __hash__(self) -> int:
        return hash(json.dumps(self.settings(), sort_keys=True, default=str))

    def save(self, path: Path) -> None:
        write_json(path, self.settings())

    @classmethod
    def load(cls, path: Path) -> "RunConfig":
        """Read what `save` wrote.

        Raises:
            DamagedFileError: the file is missing or not one of ours.
        """
        try:
            return cls.parse(read_json(path), str(path))
        except (InputError, FileNotFoundError, AttributeError, TypeError) as error:
            raise DamagedFileError(f"{path} is damaged: {error}") from error

    def part(self, kind: type[P]) -> P | None:
        """Return the part of a kind, or None if the run has none."""
        return next((part for part in self.parts.values() if isinstance(part, kind)), None)

    def _there(self, kind: type[P]) -> P:
        part = self.part(kind)
        if part is None:
            raise ValueError(f"a run of {self.model.name} has no {kind.__name__}")
        return part

    @property
    def features(self) -> FeatureConfig:
        return self._there(FeatureConfig)

    @property
    def model(self) -> Model:
        return self._there(Model)

    @property
    def net(self) -> Net:
        """The model, of a run that trains one epoch by epoch."""
        return self._there(Net)

    @property
    def training(self) -> Training:
        return self._there(Training)

    @property
    def computing(self) -> Computing:
        return self._there(Computing)

    @property
    def optimizer(self) -> OptimizerPart:
        return self._there(OptimizerPart)

    @property
    def schedule(self) -> SchedulePart:
        return self._there(SchedulePart)

    @property
    def augmentations(self) -> tuple[Augmentation, ...]:
        """Those that are on, in the order in which they are applied."""
        return tuple(part for part in self.parts.values() if isinstance(part, Augmentation))

    @property
    def seed(self) -> int:
        return self._there(Basics).seed

    @property
    def threads(self) -> int:
        return self._there(Basics).threads

    @property
    def epochs(self) -> int:
        """How many the run has at most; what is fitted at once has one."""
        training = self.part(Training)
        return training.epochs if training else 1

    @property
    def keep(self) -> int:
        """How many checkpoints are kept at most."""
        training = self.part(Training)
        return training.keep if training else 1

    @property
    def needs_gpu(self) -> bool:
        return self.model.needs_gpu

    @property
    def bytes_on_disk(self) -> int:
        """About what weights and states take at most, known without building the model."""
        bands, frames = self.features.input_shape
        weights = BYTES_PER_VALUE * self.model.parameters(bands * frames)
        if self.part(Training) is None:
            return weights
        # The best checkpoints of two epochs, and three states while one is replaced.
        large = self.part(Ema) is not None or isinstance(self.optimizer, AdamW)
        copies = self.keep + 1 + 3 * (4 if large else 2)
        return copies * weights

    def require_labels(self, classes: Sequence[str]) -> None:
        """Refuse a balance that names a label which the data lacks.

        Raises:
            InputError: names the label and those that exist.
        """
        if balance := self.part(Balance):
            balance.require_labels(classes)

    def _require_warmup_fits(self, where: str) -> None:
        schedule = self.part(WarmUpPart)
        if schedule is not None and schedule.warmup_epochs > self.epochs:
            raise InputError(
                f"{where}: `warmup_epochs: {schedule.warmup_epochs}` is more than "
                f"`epochs: {self.epochs}`"
            )


def _parts_of_a_net(
    features: FeatureConfig, settings: Mapping[str, Any], where: Where
) -> dict[str, Schema]:
    parts: dict[str, Schema | None] = {
        "training": _read(Training, settings, where),
        OPTIMIZER: _chosen(OPTIMIZER, settings, where),
        SCHEDULE: _chosen(SCHEDULE, settings, where),
        "computing": _read(Computing, settings, where),
    }
    parts |= {name: kind.read(settings, where) for name, kind in OPTIONAL.items()}
    parts |= {kind.name: kind.read_for(features, settings, where) for kind in AUGMENTATIONS}
    return {name: part for name, part in parts.items() if part is not None}


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
            f"{position}: `{setting}`: input should be {', '.join(most)} or {last}; got {wanted!r}"
        )
    return _read(kinds[wanted], settings, where)


def _all_parts() -> list[type[Schema]]:
    chosen = [kind for kinds, _ in CHOICES.values() for kind in kinds.values()]
    return [FeatureConfig, *chosen, Basics, Training, Computing, *OPTIONAL.values(), *AUGMENTATIONS]
