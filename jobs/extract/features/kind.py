"""What an entry of the table of feature sets has to say about itself."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:  # a launch wants the names and shapes alone
    from jobs.extract.config import FeatureConfig
    from jobs.extract.features.analysis import ClipAnalysis

Floats = npt.NDArray[np.float32]


class FeatureKind(ABC):
    """One feature set: the only place that knows what its values and its settings mean.

    Attributes:
        name: as `features:` in a grid has it, and in folder names; letters and digits.
        source: the feature set that this one is derived from, clip by clip; None if it is computed
            from the samples.
        has_frames: whether a clip has columns in time.
        bands_are_mel: whether neighbouring rows are neighbours in pitch.
        hears_loudness: whether a clip that is louder as a whole has other values.
        blocks: rows of each kind of feature, top down; empty where all rows are of one kind.
        suits_nets: whether neighbouring rows are alike, so that a net may convolve over them.
        fixed_settings: those that the set is defined by, with their only value.
        own_settings: those that no other set has.
        comparable_with: which settings let clips be compared, in words; None if none do.
    """

    name: ClassVar[str]
    source: ClassVar[str | None] = None
    has_frames: ClassVar[bool] = True
    bands_are_mel: ClassVar[bool] = False
    hears_loudness: ClassVar[bool] = True
    blocks: ClassVar[Mapping[str, int]] = {}
    suits_nets: ClassVar[bool] = True
    fixed_settings: ClassVar[Mapping[str, float]] = {}
    own_settings: ClassVar[tuple[str, ...]] = ()
    comparable_with: ClassVar[str | None] = None

    def completed(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return settings as a user wrote them, with what the set knows itself.

        Raises:
            ValueError: they are none of this set.
        """
        return dict(values)

    def require_settings(self, config: "FeatureConfig") -> None:
        """Refuse settings that the set is not defined for.

        Raises:
            ValueError: names the setting, its only value, and what came.
        """
        from jobs.extract.features import FEATURE_SETS

        for setting, value in self.fixed_settings.items():
            if (came := getattr(config, setting)) != value:
                kinds = [
                    k for k in FEATURE_SETS.values() if not (k.fixed_settings or k.own_settings)
                ]
                others = " and ".join(kind.name for kind in kinds)
                raise ValueError(
                    f"`features: {self.name}` is defined by librosa's defaults, `{setting}: "
                    f"{value}`; {came} is for {others} alone. Set it in the runs of {others}"
                )

    def made_from(self, config: "FeatureConfig") -> list[str]:
        """Return what else its values depend on, beside settings and libraries."""
        return []

    @abstractmethod
    def shape(self, config: "FeatureConfig") -> tuple[int, ...]:
        """Return the shape of one clip's features: (rows, frames), or (rows,)."""

    @abstractmethod
    def compute(self, clip: "ClipAnalysis", config: "FeatureConfig") -> Floats:
        """Return the features of one clip, float32 `shape(config)`.

        The values must not depend on which other sets are asked for.
        """

    def derive(self, source: Floats) -> Floats:
        """Return the features that follow from those of the source, for one clip."""
        raise NotImplementedError(f"{self.name} is not derived from another feature set")

    def mel_bands(self, config: "FeatureConfig") -> tuple[int, ...]:
        """Return of how many bands the mel filters are that a clip takes."""
        return (config.n_mels,)

    def can_be_compared(self, config: "FeatureConfig") -> bool:
        """Return whether clips of one recording can be found by these features."""
        return False

    def log_mel(self, features: Floats, config: "FeatureConfig") -> Floats:
        """Return the log-mel spectrograms that lie in features, for finding near-duplicates.

        Args:
            features: float32 [clips, *shape(config)].
            config: for which `can_be_compared` holds.

        Returns:
            float32 [clips, bands, frames], in dB below each clip's loudest value.
        """
        raise NotImplementedError(f"{self.name} shows no log-mel spectrogram")
