"""Every choice of one training run. The defaults are those of the report."""

from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from jobs.data.manifest import Manifest
from jobs.data.split import Split
from jobs.extract.config import FeatureConfig
from jobs.schema import fingerprint


class RunConfig(FeatureConfig):
    """One hyper-parameter set, features included; a grid names only what differs from it."""

    model: Literal["resnet"] = Field("resnet", description="CIFAR-style residual network")
    depth: int = Field(110, ge=8, le=1202, description="layers, 6n + 2: 8, 20, 32, 44, 56, 110")

    epochs: int = Field(50, ge=1, le=99_999)
    batch_size: int = Field(64, ge=1, le=65_536)
    lr: float = Field(1e-2, gt=0, description="learning rate")
    momentum: float = Field(0.9, ge=0, lt=1)
    weight_decay: float = Field(1e-2, ge=0)

    plateau_factor: float = Field(
        0.1, gt=0, lt=1, description="ReduceLROnPlateau: lr is multiplied by this"
    )
    plateau_patience: int = Field(
        10, ge=0, description="ReduceLROnPlateau: epochs without a lower val loss"
    )
    warmup_epochs: int = Field(0, ge=0, description="linear warm-up from 0 to lr")
    early_stopping: int | None = Field(
        None, ge=1, description="stop after this many epochs without a lower val loss"
    )
    min_loss: float | None = Field(
        None, gt=0, description="stop once the training loss of an epoch is below this"
    )

    keep: int = Field(5, ge=1, le=100, description="best checkpoints kept of the run")
    seed: int = Field(0, ge=0, le=2**32 - 1)
    threads: int = Field(
        2, ge=1, le=256, description="CPU threads; another number rounds sums differently"
    )

    @field_validator("depth")
    @classmethod
    def _depth_is_6n_plus_2(cls, depth: int) -> int:
        if (depth - 2) % 6:
            lower = 2 + 6 * ((depth - 2) // 6)
            raise ValueError(f"a ResNet has 6n + 2 layers; the nearest are {lower} and {lower + 6}")
        return depth

    @model_validator(mode="after")
    def _warmup_fits(self) -> "RunConfig":
        if self.warmup_epochs > self.epochs:
            raise ValueError(
                f"`warmup_epochs: {self.warmup_epochs}` is more than `epochs: {self.epochs}`"
            )
        return self

    @property
    def feature_config(self) -> FeatureConfig:
        """The part that decides which features the run reads."""
        return FeatureConfig(**{name: getattr(self, name) for name in FeatureConfig.model_fields})

    def differences(self) -> dict[str, Any]:
        """Return the settings that differ from the defaults."""
        default = RunConfig()
        return {
            name: value
            for name, value in self.model_dump().items()
            if value != getattr(default, name)
        }


def run_signature(config: RunConfig, manifest: Manifest, split: Split) -> str:
    """Return the name of a run's folder: it changes with anything that the result depends on.

    Covered are the whole config (defaults too, so that a changed default makes a new run), the
    labelled clips, the split and the libraries that computed the features.
    """
    return fingerprint(
        [
            config.model_dump(),
            config.feature_config.fingerprint(),
            manifest.labelled_fingerprint,
            split.fingerprint,
        ]
    )
