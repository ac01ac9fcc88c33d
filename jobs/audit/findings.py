"""What there is to know about a data folder before anything is trained on it."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from jobs.audit.duplicates import (
    NEAR,
    Duplicate,
    can_be_compared,
    exact_duplicates,
    near_duplicates,
    suggested_groups,
)
from jobs.data.manifest import Manifest
from jobs.extract.feature_set import FeatureSet
from jobs.extract.shard import NO_ROW, OK, PARTIAL, QUARANTINED, TABLE, read_columns

CLIPPED_FROM = 0.999
MOSTLY_SILENT_FROM = 0.9


@dataclass(frozen=True)
class Findings:
    """What was found out about the clips of one manifest.

    Attributes:
        manifest: all clips.
        seconds: of a clip, as features take it.
        table: structured array of the type TABLE, by position.
        reasons: why clips are in quarantine, by position.
        duplicates: exact ones first.
        compared_by: the feature set in which near-duplicates were looked for, or None.
    """

    manifest: Manifest
    seconds: float
    table: npt.NDArray[np.void]
    reasons: dict[int, str]
    duplicates: tuple[Duplicate, ...]
    compared_by: str | None

    @classmethod
    def of(cls, manifest: Manifest, features: FeatureSet) -> "Findings":
        """Look at each clip of an indexed FeatureSet."""
        table = np.zeros(len(manifest), dtype=TABLE)
        for name in features.shard_names:
            found = read_columns(features.folder / str(name)).table
            table[found["position"]] = found
        # Two clips without audio, both empty, are no recording that occurs twice.
        usable = np.where(table["row"] != NO_ROW, table["sha256"], b"")
        duplicates = exact_duplicates([digest.decode() for digest in usable.tolist()])
        config = features.config
        if can_be_compared(config):
            again = {pair.other for pair in duplicates}
            duplicates += near_duplicates(features, left_out=again)
        compared_by = config.features if can_be_compared(config) else None
        reasons = features.reasons
        return cls(manifest, config.seconds, table, reasons, tuple(duplicates), compared_by)

    def positions_with(self, status: str) -> list[int]:
        """Return the positions of the clips of one status: ok, partial or quarantined."""
        return [int(p) for p in np.flatnonzero(self.table["status"] == status.encode())]

    @property
    def groups(self) -> dict[int, str]:
        """Suggested groups of labelled clips, by position; see `suggested_groups`."""
        return suggested_groups(self.manifest.labelled, self.duplicates)

    @property
    def regrouped(self) -> list[int]:
        """Positions of labelled clips that would get a group which they don't have now."""
        clips = self.manifest.labelled
        return [position for position, name in self.groups.items() if clips[position].group != name]

    def summary(self) -> dict[str, Any]:
        """Return everything that can be counted, as JSON has it."""
        manifest, decoded = self.manifest, self.table[self.table["sample_rate"] > 0]
        return {
            "clips": {
                "training": len(manifest.labelled),
                "test": len(manifest.test),
                "classes": manifest.class_counts,
            },
            "status": {
                status: len(self.positions_with(status)) for status in (OK, PARTIAL, QUARANTINED)
            },
            "quarantine": dict(Counter(self.reasons.values()).most_common()),
            "audio": {
                "sample_rate_hz": _counts(decoded["sample_rate"]),
                "channels": _counts(decoded["channels"]),
                "duration_s": _spread(decoded["duration_s"]),
                "shorter_than_wanted": int((decoded["duration_s"] < self.seconds - 0.05).sum()),
                "longer_than_wanted": int((decoded["duration_s"] > self.seconds + 0.05).sum()),
                "peak": _spread(decoded["peak"]),
                "clipped": int((decoded["peak"] >= CLIPPED_FROM).sum()),
                "silent": int((decoded["peak"] == 0).sum()),
                "mostly_silent": int((decoded["silence"] >= MOSTLY_SILENT_FROM).sum()),
            },
            "duplicates": self._duplicate_counts(),
            "near_duplicates_compared_by": self.compared_by,
            "clips_that_a_suggested_group_joins": len(self.regrouped),
        }

    def _duplicate_counts(self) -> dict[str, int]:
        counts: Counter[str] = Counter()
        for pair in self.duplicates:
            where = pair.where(self.manifest).replace(" ", "_")
            counts[f"{pair.kind}_in_{where}"] += 1
            counts[f"{pair.kind}_with_two_labels"] += pair.has_two_labels(self.manifest)
        return dict(sorted(counts.items()))

    @property
    def warnings(self) -> list[str]:
        """What a score may suffer from, in sentences."""
        pairs, said = self.duplicates, []
        across = sum(pair.where(self.manifest) == "training and test" for pair in pairs)
        two = sum(pair.has_two_labels(self.manifest) for pair in pairs)
        partial = len(self.positions_with(PARTIAL))
        if partial:
            said.append(f"clips that hold less than they promise, padded with zeros: {partial}")
        if across:
            said.append(f"pairs of one recording in training and test both: {across}")
        if two:
            said.append(f"pairs of one recording with two different labels: {two}")
        if self.regrouped:
            said.append(
                "training clips that share a recording with others outside their group, so that a "
                f"validation score may lie unless they are grouped: {len(self.regrouped)}"
            )
        if self.compared_by is None:
            said.append(
                f"{NEAR}-duplicates were not looked for: they show in v2, and in v1 with at least "
                "32 mel bands and frames of 10 to 50 ms"
            )
        return said


def _counts(values: npt.NDArray[np.int32]) -> dict[str, int]:
    found, counts = np.unique(values, return_counts=True)
    return {str(value): int(count) for value, count in zip(found, counts, strict=True)}


def _spread(values: npt.NDArray[np.float64]) -> dict[str, float]:
    if not len(values):
        return {}
    low, middle, high = np.quantile(values, [0, 0.5, 1])
    return {"min": _told(low), "median": _told(middle), "max": _told(high)}


def _told(value: float) -> float:
    return float(f"{value:.4g}")
