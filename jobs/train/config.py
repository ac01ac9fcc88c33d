"""Every choice of one training run, as parts. The defaults are those of the report.

What a user writes is flat (`lr: 0.01`); here each setting belongs to a part, and a run has only
the parts that mean something for it: no optimiser without epochs, no augmentation that is off.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from jobs.errors import DamagedFileError, InputError
from jobs.extract.config import FeatureConfig
from jobs.files import read_json, write_json
from jobs.models.model import Model
from jobs.models.net import Net
from jobs.schema import Schema, fingerprint, unknown_setting
from jobs.train.augment.augmentation import Augmentation
from jobs.train.augment.strengths import AUGMENT, strengths
from jobs.train.clips.order import Balance
from jobs.train.keeping import PlannedCheckpoints, planned_epochs
from jobs.train.optimizer import AdamW, OptimizerPart
from jobs.train.parts import CHOICES, kind_of, read_parts, setting_names
from jobs.train.recipe import Basics, Computing, Ema, Training, Where
from jobs.train.schedule import SchedulePart, WarmUpPart

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
        config = cls(read_parts(settings, where))
        config._require_warmup_fits(position(""))
        return config

    @classmethod
    def setting_names(cls) -> tuple[str, ...]:
        """Return every setting that some run may have."""
        return tuple(dict.fromkeys(setting_names()))

    def settings(self) -> dict[str, Any]:
        """Return the flat settings of the parts that are there; `parse` reads them again."""
        flat: dict[str, Any] = {}
        for name, part in self.parts.items():
            if name in CHOICES:
                flat[name] = kind_of(part)
            flat |= part.model_dump()
        return flat

    def differences(self) -> dict[str, Any]:
        """Return the settings that differ from the defaults."""
        flat: dict[str, Any] = {}
        for name, part in self.parts.items():
            if name in CHOICES and kind_of(part) != CHOICES[name][1]:
                flat[name] = kind_of(part)
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
        parts = {
            name: ({"kind": kind_of(part)} if name in CHOICES else {})
            | part.model_dump(mode="json")
            for name, part in self.parts.items()
        }
        features = self.features.fingerprint()
        return fingerprint([parts, features, labelled_fingerprint, fold_fingerprint])

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
    def strength(self) -> str | None:
        """The name of the strength that these make up together; None if they are none that has."""
        if self.part(Training) is None:
            return None
        own = {name for part in self.augmentations for name in type(part).model_fields}
        rest = {name: value for name, value in self.settings().items() if name not in own}
        names = strengths(self.features.frames)
        return next((n for n in names if self.parse(rest | {AUGMENT: n}) == self), None)

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
    def planned_epochs(self) -> tuple[int, ...] | None:
        """The epochs whose checkpoints are kept, if no validation clip chooses them."""
        training = self.part(Training)
        if training is None or self.part(PlannedCheckpoints) is None:
            return None
        return planned_epochs(training.epochs, training.keep)

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

    def require_suited_to(self, counts: Mapping[str, int]) -> None:
        """Refuse a balance that the data cannot have; `counts` are training clips of each label.

        Raises:
            InputError: see `Balance.require_suited_to`.
        """
        if balance := self.part(Balance):
            balance.require_suited_to(counts)

    def _require_warmup_fits(self, where: str) -> None:
        schedule = self.part(WarmUpPart)
        if schedule is not None and schedule.warmup_epochs > self.epochs:
            raise InputError(
                f"{where}: `warmup_epochs: {schedule.warmup_epochs}` is more than "
                f"`epochs: {self.epochs}`"
            )
