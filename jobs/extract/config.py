"""What features are computed, and the fingerprint that keeps old and new ones apart."""

import functools
from importlib.metadata import version
from typing import Literal

from pydantic import Field, model_validator

from jobs.data.manifest import Manifest
from jobs.schema import Schema, fingerprint

# Raise it with any change of this package's code that changes values.
VALUES_VERSION = 2

# v2 is defined by librosa's defaults, which suit this sample rate.
DEFINED_BY = {"sample_rate": 22_050, "n_fft": 2048, "hop_length": 512, "n_mels": 64}
V2_ROWS = 194


class FeatureConfig(Schema):
    """One feature set and its settings. The defaults are those of the report."""

    features: Literal["v1", "v2", "v3"] = Field(
        "v1", description="v1: log-mel spectrogram; v2: six kinds of features; v3: v2's mean"
    )
    sample_rate: int = Field(22_050, ge=4_000, le=192_000, description="Hz")
    seconds: float = Field(6.0, ge=0.1, le=600, description="clip length, cut or zero-padded to")
    n_fft: int = Field(2048, ge=32, le=65_536, description="samples a frame")
    hop_length: int = Field(512, ge=1, description="samples between frames")
    n_mels: int = Field(64, ge=1, le=1024, description="mel bands of v1; v2 and v3 have 128")

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
    def _v2_is_as_defined(self) -> "FeatureConfig":
        for name, value in DEFINED_BY.items():
            if self.features != "v1" and getattr(self, name) != value:
                raise ValueError(
                    f"`features: {self.features}` is defined by librosa's defaults, `{name}: "
                    f"{value}`; {getattr(self, name)} is for v1 alone. Set it in the runs of v1"
                )
        return self

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
        if self.features == "v3":
            return (V2_ROWS,)
        return (self.n_mels if self.features == "v1" else V2_ROWS), self.frames

    @property
    def input_shape(self) -> tuple[int, int]:
        """Bands and frames of a clip as a network sees it; v3 has one frame."""
        return self.shape[0], self.shape[1] if len(self.shape) > 1 else 1

    @property
    def bytes_per_clip(self) -> int:
        return 4 * functools.reduce(int.__mul__, self.shape)

    @property
    def source(self) -> "FeatureConfig | None":
        """The feature set that this one can be taken from instead of from the MP3s."""
        return self.model_copy(update={"features": "v2"}) if self.features == "v3" else None

    def fingerprint(self) -> str:
        """Identify the values that these settings give with the libraries installed here."""
        return fingerprint([self.model_dump(), VALUES_VERSION, library_versions()])

    def folder_name(self, manifest: Manifest) -> str:
        """Name the FeatureSet of these settings and this audio, for instance `v1-3f2a90...`."""
        return f"{self.features}-{fingerprint([self.fingerprint(), manifest.audio_fingerprint])}"


@functools.cache
def library_versions() -> dict[str, str]:
    """Return the versions of what decodes, resamples and transforms: they change values."""
    import soundfile

    names = ("numpy", "scipy", "soxr", "soundfile")
    return {name: version(name) for name in names} | {
        "libsndfile": str(soundfile.__libsndfile_version__)
    }
