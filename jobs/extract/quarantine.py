"""Clips without features: listed with the reason, and refused where they are too many."""

import csv
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field

from jobs.data.dataset import LABELLED, Dataset
from jobs.errors import DamagedFileError, InputError, quoted
from jobs.extract.store.feature_set import FeatureSet
from jobs.files import csv_rows, write_csv
from jobs.schema import Schema

HEADER = ("subset", "id", "path", "label", "features", "reason")
# A few bad clips are normal whatever their share.
ALWAYS_ALLOWED = 9
SHOWN = 3


class Limits(Schema):
    """How much of the data may be bad."""

    strict: bool = Field(False, description="refuse any unusable clip")
    bad_clips: float = Field(
        0.05, ge=0, le=1, description="share of clips that may be unusable (ten must be, at least)"
    )

    def allow(self, bad: int, clips: int) -> bool:
        """Return whether so many of the clips may be bad."""
        if self.strict:
            return bad == 0
        return bad <= ALWAYS_ALLOWED or bad <= self.bad_clips * clips


@dataclass(frozen=True)
class QuarantinedClip:
    """A clip without features.

    Attributes:
        subset: labelled or test.
        id: of the clip, unique in its subset.
        path: as in the manifest.
        label: "" for a test clip.
        features: the feature sets that lack it, for the same reason.
        reason: why.
    """

    subset: str
    id: str
    path: str
    label: str
    features: tuple[str, ...]
    reason: str


@dataclass(frozen=True)
class Quarantine:
    """All clips that some feature set lacks, as quarantine.csv.

    A clip has a row for each reason; the labelled clips come first.
    """

    rows: tuple[QuarantinedClip, ...]

    @classmethod
    def of(cls, dataset: Dataset, sets: Sequence[tuple[str, FeatureSet]]) -> "Quarantine":
        """List the clips without features.

        Args:
            dataset: the clips.
            sets: the side and the features of each FeatureSet; labelled clips first.
        """
        names: dict[tuple[str, int, str], list[str]] = {}
        for side, features in sets:
            for position, reason in features.reasons.items():
                names.setdefault((side, position, reason), []).append(features.config.features)
        rows = []
        for (side, position, reason), lacking in names.items():
            clip = dataset.sides[side].clips[position]
            about = (side, clip.id, clip.path, clip.label or "")
            rows.append(QuarantinedClip(*about, tuple(lacking), reason))
        return cls(tuple(rows))

    def save(self, path: Path) -> None:
        """Write quarantine.csv; with no bad clip it has its header alone."""
        rows = (
            (r.subset, r.id, r.path, r.label, "+".join(r.features), r.reason) for r in self.rows
        )
        write_csv(path, HEADER, rows)

    @classmethod
    def load(cls, path: Path) -> "Quarantine":
        """Read what `save` wrote.

        Raises:
            FileNotFoundError: there is no such file.
            DamagedFileError: the file is not one of ours.
        """
        try:
            with path.open(encoding="utf-8", newline="") as file:
                header, *rows = csv_rows(file)
            if tuple(header) != HEADER:
                raise ValueError("another header")
            return cls(tuple(_row(cells) for cells in rows))
        except (ValueError, csv.Error) as error:
            raise DamagedFileError(
                f"{path} cannot be read ({error}); launch again to write it anew"
            ) from error

    def is_written(self, path: Path) -> bool:
        """Return whether quarantine.csv lists just these clips."""
        try:
            return Quarantine.load(path) == self
        except (FileNotFoundError, DamagedFileError):
            return False

    def require_usable(self, dataset: Dataset, training: Sequence[int], limits: Limits) -> None:
        """Refuse data of which too much is in quarantine, for any of the feature sets.

        Args:
            dataset: all clips.
            training: positions of the labelled clips that train.
            limits: what is too much.

        Raises:
            InputError: says how many clips, the first reasons, and what to do.
        """
        sets = dict.fromkeys(name for row in self.rows for name in row.features)
        for features in sets or ("",):
            lacking = {(r.subset, r.id): r for r in self.rows if features in r.features}
            _require_few(list(lacking.values()), len(dataset), limits)
            bad = {clip_id for subset, clip_id in lacking if subset == LABELLED}
            clips = dataset.labelled.clips
            readable = Counter(clips[p].label for p in training if clips[p].id not in bad)
            for label, count in dataset.class_counts.items():
                if not readable[label]:
                    raise InputError(
                        f"no clip of class '{label}' can be decoded of those that train; replace "
                        f"the files (the class has {count}) or leave the class out"
                    )


def _row(cells: Sequence[str]) -> QuarantinedClip:
    subset, clip_id, path, label, features, reason = cells
    return QuarantinedClip(subset, clip_id, path, label, tuple(features.split("+")), reason)


def _require_few(bad: Sequence[QuarantinedClip], clips: int, limits: Limits) -> None:
    if limits.allow(len(bad), clips):
        return
    if limits.strict:
        rule = "--strict allows none. Fix them, or launch without it"
    else:
        rule = (
            f"`bad_clips: {limits.bad_clips:g}` allows {100 * limits.bad_clips:g} %. Fix them, "
            "or raise `bad_clips` in the grid or with --set"
        )
    shown = "; ".join(f"{quoted(each.path)}: {each.reason}" for each in bad[:SHOWN])
    raise InputError(
        f"{len(bad)} of {clips} clips cannot be used, and {rule}. quarantine.csv lists "
        f"all of them, and `python -m pipeline.audit` shows more of the data; the first: {shown}"
    )
