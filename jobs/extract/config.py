"""What features are computed, and the fingerprint that keeps old and new ones apart."""

import functools
import math
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from pydantic import (
    Field,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)

from jobs.extract.features import FEATURE_SETS
from jobs.extract.features.kind import FeatureKind
from jobs.schema import Schema, fingerprint

# Raise it with any change of this package's code that changes values.
VALUES_VERSION = 5
LEVEL_BANDS = 64


class FeatureConfig(Schema):
    """One feature set and its settings. The defaults are those of the report."""

    features: str = Field(
        "v1",
        description="v1: log-mel; v1pooled: its mean and deviation; v2: six kinds; v3: their mean; "
        "embedding: what an ONNX net says",
    )
    sample_rate: int = Field(22_050, ge=4_000, le=192_000, description="Hz")
    seconds: float = Field(6.0, ge=0.1, le=600, description="clip length, cut or zero-padded to")
    n_fft: int = Field(2048, ge=32, le=65_536, description="samples a frame")
    hop_length: int = Field(512, ge=1, description="samples between frames")
    n_mels: int = Field(64, ge=1, le=1024, description="mel bands of v1; v2 and v3 have 128")

    embedding_model: str | None = Field(
        None, description="of `features: embedding`: an ONNX file, float32 [batch, samples] in"
    )
    embedding_output: str | None = Field(
        None, description="which of its outputs is taken; by default the one called embedding"
    )

    @model_validator(mode="before")
    @classmethod
    def _completed_by_the_set(cls, values: Any) -> Any:
        """Let the set fill in what it knows; settings of other sets mean nothing to it."""
        if not isinstance(values, Mapping):
            return values
        name = values.get("features", "v1")
        kind = FEATURE_SETS.get(name) if isinstance(name, str) else None
        if kind is None:
            return values  # refused below, in words
        others = {s for each in FEATURE_SETS.values() for s in each.own_settings}
        others -= set(kind.own_settings)
        return kind.completed({name: v for name, v in values.items() if name not in others})

    @model_serializer(mode="wrap")
    def _without_what_is_off(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out what other sets do not have: they keep their names."""
        values: dict[str, Any] = handler(self)
        return {name: value for name, value in values.items() if value is not None}

    @field_validator("features")
    @classmethod
    def _is_in_the_table(cls, name: str) -> str:
        if name not in FEATURE_SETS:
            *others, last = (f"'{known}'" for known in FEATURE_SETS)
            raise ValueError(f"Input should be {', '.join(others)} or {last}")
        return name

    @model_validator(mode="after")
    def _frame_fits(self) -> "FeatureConfig":
        if self.samples <= self.n_fft // 2:
            raise ValueError(
                f"`seconds: {self.seconds}` gives {self.samples} samples, too few for a frame of "
                f"`n_fft: {self.n_fft}`"
            )
        if self.n_mels > self.n_fft // 2 + 1:
            raise ValueError(f"`n_mels` must be at most n_fft / 2 + 1 = {self.n_fft // 2 + 1}")
        return self

    @model_validator(mode="after")
    def _settings_suit_the_set(self) -> "FeatureConfig":
        self.kind.require_settings(self)
        return self

    @property
    def kind(self) -> FeatureKind:
        """The entry of this feature set, which knows what its values mean."""
        return FEATURE_SETS[self.features]

    @property
    def samples(self) -> int:
        """Samples of a clip after resampling and fixing its length."""
        return round(self.sample_rate * self.seconds)

    @property
    def frames(self) -> int:
        """Frames of a clip's spectrogram."""
        # librosa pads half a frame on both sides; for an odd n_fft that is one sample short.
        padded = self.samples + 2 * (self.n_fft // 2)
        return 1 + (padded - self.n_fft) // self.hop_length

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one clip's features: v1 (bands, frames), v2 (194, frames), v3 (194,)."""
        return self.kind.shape(self)

    @property
    def input_shape(self) -> tuple[int, int]:
        """Bands and frames of a clip as a network sees it; v3 has one frame."""
        return self.shape[0], self.shape[1] if len(self.shape) > 1 else 1

    @property
    def bytes_per_clip(self) -> int:
        return 4 * math.prod(self.shape)

    @property
    def level_bands(self) -> int:
        """Of how many mel bands a shard keeps the level: 64, or as many as a frame has bins."""
        return min(LEVEL_BANDS, self.n_fft // 2 + 1)

    @property
    def mel_filters(self) -> set[tuple[int, int, int]]:
        """The filter banks that a clip takes, each by sample rate, n_fft and number of bands."""
        bands = {*self.kind.mel_bands(self), self.level_bands}
        return {(self.sample_rate, self.n_fft, each) for each in bands}

    @property
    def source(self) -> "FeatureConfig | None":
        """The feature set that this one can be taken from instead of from the recordings."""
        source = self.kind.source
        return None if source is None else self.model_copy(update={"features": source})

    def fingerprint(self) -> str:
        """Identify the values that these settings give with the libraries installed here."""
        made_from = self.kind.made_from(self)
        parts = [self.model_dump(), VALUES_VERSION, library_versions()]
        return fingerprint([*parts, made_from] if made_from else parts)


@functools.cache
def library_versions() -> dict[str, str]:
    """Return the versions of what turns a file into features: they change values."""
    import soundfile

    names = ("librosa", "numpy", "scipy", "soxr", "soundfile")
    return {name: version(name) for name in names} | {
        "libsndfile": str(soundfile.__libsndfile_version__)
    }
