"""What there is to know about a data folder before anything is trained on it."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from jobs.audit.clusters import Cluster, clusters, suggested_groups
from jobs.audit.duplicates import NEAR, Duplicate, exact_duplicates, near_duplicates
from jobs.audit.joined import JoinedFeatures
from jobs.audit.summary import (
    AudioSummary,
    AuditInputs,
    AuditSummary,
    ClipCounts,
    Spread,
    StatusCounts,
    folders_of,
)
from jobs.data.dataset import Dataset
from jobs.data.file_kind import cause_of
from jobs.data.manifest import Clip
from jobs.extract.clip_features import OK, PARTIAL, QUARANTINED
from jobs.extract.features import FEATURE_SETS
from jobs.extract.store.feature_set import FeatureSet
from jobs.extract.store.shard import NO_ROW

CLIPPED_FROM = 0.999
MOSTLY_SILENT_FROM = 0.9


@dataclass(frozen=True)
class Findings:
    """What was found out about the clips of one data folder.

    Positions count through all clips, the labelled ones first.

    Attributes:
        dataset: the data folder.
        inputs: what was looked at.
        clips: of both sides.
        sides: the side of each clip.
        seconds: of a clip, as features take it.
        table: structured array, a row a clip, see `FeatureSet.facts`.
        reasons: why clips are in quarantine, by position.
        duplicates: pairs, exact ones first.
        compared_by: the feature set in which near-duplicates were looked for, or None.
    """

    dataset: Dataset
    inputs: AuditInputs
    clips: tuple[Clip, ...]
    sides: tuple[str, ...]
    seconds: float
    table: npt.NDArray[np.void]
    reasons: dict[int, str]
    duplicates: tuple[Duplicate, ...]
    compared_by: str | None

    def positions_with(self, status: str) -> list[int]:
        """Return the positions of the clips of one status: ok, partial or quarantined."""
        return [int(p) for p in np.flatnonzero(self.table["status"] == status.encode())]

    @property
    def groups(self) -> dict[int, str]:
        """Suggested groups of labelled clips, by position; see `suggested_groups`."""
        return suggested_groups(self.dataset.labelled.clips, self.duplicates)

    @property
    def regrouped(self) -> list[int]:
        """Positions of labelled clips that would get a group which they don't have now."""
        clips = self.dataset.labelled.clips
        return [position for position, name in self.groups.items() if clips[position].group != name]

    def summary(self) -> AuditSummary:
        """Return everything that can be counted."""
        dataset = self.dataset
        return AuditSummary(
            inputs=self.inputs,
            clips=ClipCounts(
                training=len(dataset.labelled),
                test=len(dataset.test),
                classes=dataset.class_counts,
            ),
            status=StatusCounts(
                ok=len(self.positions_with(OK)),
                partial=len(self.positions_with(PARTIAL)),
                quarantined=len(self.positions_with(QUARANTINED)),
            ),
            quarantine=dict(Counter(map(cause_of, self.reasons.values())).most_common()),
            audio=self._audio(),
            duplicates=self._duplicate_counts(),
            near_duplicates_compared_by=self.compared_by,
            clips_that_a_suggested_group_joins=len(self.regrouped),
            warnings=tuple(self.warnings),
        )

    def _audio(self) -> AudioSummary:
        decoded = self.table[self.table["sample_rate"] > 0]
        return AudioSummary(
            sample_rate_hz=_counts(decoded["sample_rate"]),
            channels=_counts(decoded["channels"]),
            codec=_counts(np.char.decode(decoded["codec"])),
            bit_rate=_spread(decoded["bit_rate"]),
            duration_s=_spread(decoded["duration_s"]),
            shorter_than_wanted=int((decoded["duration_s"] < self.seconds - 0.05).sum()),
            longer_than_wanted=int((decoded["duration_s"] > self.seconds + 0.05).sum()),
            peak=_spread(decoded["peak"]),
            rms=_spread(decoded["rms"]),
            clipped=int((decoded["peak"] >= CLIPPED_FROM).sum()),
            silent=int((decoded["peak"] == 0).sum()),
            mostly_silent=int((decoded["silence"] >= MOSTLY_SILENT_FROM).sum()),
        )

    @cached_property
    def clusters(self) -> tuple[Cluster, ...]:
        """The recordings that occur more than once."""
        return clusters(self.duplicates)

    def _duplicate_counts(self) -> dict[str, int]:
        counts: Counter[str] = Counter()
        for each in self.clusters:
            where = each.where(self.clips).replace(" ", "_")
            counts[f"{each.kind}_in_{where}"] += 1
            counts[f"{each.kind}_with_two_labels"] += len(each.labels(self.clips)) > 1
            counts["clips_in_all"] += len(each.positions)
        return dict(sorted(counts.items()))

    @property
    def warnings(self) -> list[str]:
        """What a score may suffer from, in sentences."""
        said = []
        across = sum(each.where(self.clips) == "training and test" for each in self.clusters)
        two = sum(len(each.labels(self.clips)) > 1 for each in self.clusters)
        partial = len(self.positions_with(PARTIAL))
        if partial:
            said.append(f"clips that are incomplete, padded with zeros: {partial}")
        if across:
            said.append(f"recordings that are in both training and test: {across}")
        if two:
            said.append(f"recordings with more than one label: {two}")
        if self.regrouped:
            said.append(
                "training clips that share a recording with clips outside their group (the "
                f"validation score may be too high until they are grouped): {len(self.regrouped)}"
            )
        if self.compared_by is None:
            shown_by = (
                f"in {kind.name} {kind.comparable_with}".strip()
                for kind in FEATURE_SETS.values()
                if kind.comparable_with is not None
            )
            said.append(
                f"{NEAR}-duplicates were not looked for: they show {', and '.join(shown_by)}"
            )
        return said


def audit_dataset(dataset: Dataset, sets: Mapping[str, FeatureSet]) -> Findings:
    """Look at each clip of a data folder.

    Args:
        dataset: the data folder.
        sets: an indexed FeatureSet for each side that holds clips, all of one config.
    """
    joined = JoinedFeatures.of(dataset, sets)
    table, config = joined.facts(), joined.config
    # Two clips without audio, both empty, are no recording that occurs twice.
    usable = (table["row"] != NO_ROW).tolist()
    digests = [
        c.sha256 if is_usable else "" for c, is_usable in zip(joined.clips, usable, strict=True)
    ]
    duplicates = exact_duplicates(digests)
    compared_by = None
    if config.kind.can_be_compared(config):
        again = {pair.other for pair in duplicates}
        duplicates += near_duplicates(joined, left_out=again)
        compared_by = config.features
    return Findings(
        dataset=dataset,
        inputs=AuditInputs.of(dataset, folders_of(sets)),
        clips=joined.clips,
        sides=joined.sides,
        seconds=config.seconds,
        table=table,
        reasons=joined.reasons,
        duplicates=tuple(duplicates),
        compared_by=compared_by,
    )


def _counts(values: npt.NDArray[Any]) -> dict[str, int]:
    found, counts = np.unique(values, return_counts=True)
    return {str(value): int(count) for value, count in zip(found, counts, strict=True)}


def _spread(values: npt.NDArray[Any]) -> Spread | None:
    if not len(values):
        return None
    low, middle, high = (float(f"{value:.4g}") for value in np.quantile(values, [0, 0.5, 1]))
    return Spread(min=low, median=middle, max=high)
