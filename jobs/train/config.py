"""Every choice of one training run. The defaults are those of the report."""

from collections.abc import Mapping
from typing import Any

from pydantic import Field, model_validator

from jobs.data.manifest import Manifest
from jobs.data.split import Split
from jobs.extract.config import FeatureConfig
from jobs.schema import fingerprint
from jobs.train.settings.augmentation import AugmentationConfig
from jobs.train.settings.computing import ComputingConfig
from jobs.train.settings.model import ModelConfig
from jobs.train.settings.recipe import RecipeConfig
from jobs.train.settings.sampling import SamplingConfig

# A setting that belongs to one value of another: setting -> (the other, the values that have it).
BELONGS_TO = {
    "depth": ("model", ("resnet",)),
    "shortcut": ("model", ("resnet",)),
    "densenet_depth": ("model", ("densenet",)),
    "growth": ("model", ("densenet",)),
    "momentum": ("optimizer", ("sgd",)),
    "nesterov": ("optimizer", ("sgd",)),
    "plateau_factor": ("schedule", ("plateau",)),
    "plateau_patience": ("schedule", ("plateau",)),
    "warmup_epochs": ("schedule", ("plateau", "cosine")),
    # Not all rows of v2 are mel bands, and v3 is a mean over all frames.
    "pitch_p": ("features", ("v1",)),
    "pitch_max": ("features", ("v1",)),
    "shift_p": ("features", ("v1", "v2")),
    "shift_max": ("features", ("v1", "v2")),
    "speed_p": ("features", ("v1", "v2")),
    "speed_max": ("features", ("v1", "v2")),
    "mask_frames": ("features", ("v1", "v2")),
}


class RunConfig(
    FeatureConfig, ModelConfig, SamplingConfig, AugmentationConfig, RecipeConfig, ComputingConfig
):
    """One hyper-parameter set, features included; a grid names only what differs from it.

    A setting that the run does not have (the depth of a CNN, the momentum of AdamW, a shift in
    time of v3) is left out: such runs are the same run, and `--set depth=20` changes the ResNets
    of a grid alone.
    """

    keep: int = Field(5, ge=1, le=100, description="best checkpoints kept of the run")
    seed: int = Field(0, ge=0, le=2**32 - 1)

    @model_validator(mode="before")
    @classmethod
    def _without_what_it_has_not(cls, values: Any) -> Any:
        if not isinstance(values, Mapping):
            return values
        kept = dict(values)
        for setting, (other, having) in BELONGS_TO.items():
            if values.get(other, cls.model_fields[other].default) not in having:
                kept.pop(setting, None)
        return kept

    def __hash__(self) -> int:
        # `balance` may be a mapping, which has no hash of its own.
        return hash(self.model_dump_json())

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
