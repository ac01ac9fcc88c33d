"""What became of one recording: the record that goes from the worker to the shard."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from jobs.extract.audio.recording import RecordingFacts

Floats = npt.NDArray[np.float32]

OK, PARTIAL, QUARANTINED = "ok", "partial", "quarantined"


@dataclass(frozen=True, slots=True)
class ClipFeatures:
    """One or several feature sets of a recording, or the reason why it has none.

    Attributes:
        sha256: of the file's bytes, "" if they could not be read, or if what happened need not
            happen again (memory was short, a decoder crashed): by it a record is reused later.
        features: for each config float32 of its shape; None where there are none.
        band_levels: for each config float32 [2, bands], mean and standard deviation over time of
            the log-mel bands in dB; None where there are no features.
        facts: None if it was not decoded.
        reason: why features are missing; "" if none are.
    """

    sha256: str
    features: tuple[Floats | None, ...]
    band_levels: tuple[Floats | None, ...]
    facts: RecordingFacts | None = None
    reason: str = ""

    @classmethod
    def without(
        cls, count: int, reason: str, sha256: str = "", facts: RecordingFacts | None = None
    ) -> "ClipFeatures":
        """Return the record of a clip that has none of `count` feature sets."""
        return cls(sha256, (None,) * count, (None,) * count, facts, reason)

    def of_set(self, number: int) -> "ClipFeatures":
        """Return the record of one of the sets alone: each is judged by its own numbers."""
        features = self.features[number]
        return replace(
            self,
            features=(features,),
            band_levels=(self.band_levels[number],),
            reason=self.reason if features is None else "",
        )

    @property
    def status(self) -> str:
        """`quarantined` if a set is missing, `partial` if the file holds less than it promises."""
        if any(features is None for features in self.features):
            return QUARANTINED
        return PARTIAL if self.facts and self.facts.is_partial else OK
