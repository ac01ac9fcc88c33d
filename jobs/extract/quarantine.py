"""Clips without features: listed with the reason, and refused where they are too many."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from jobs.data.manifest import Clip, Manifest
from jobs.errors import InputError
from jobs.extract.feature_set import FeatureSet
from jobs.extract.shard import NO_ROW
from jobs.files import write_csv

HEADER = ("subset", "id", "path", "label", "features", "reason")
# A few bad clips are normal whatever their share.
ALWAYS_ALLOWED = 9
SHOWN = 3


@dataclass(frozen=True)
class Quarantined:
    """A clip without features, and the reason."""

    clip: Clip
    features: str
    reason: str


def list_quarantined(manifest: Manifest, features: FeatureSet) -> list[Quarantined]:
    """Return the clips of a FeatureSet that have no features, in manifest order."""
    return [
        Quarantined(manifest.clips[position], features.config.features, reason)
        for position, reason in features.reasons.items()
    ]


@dataclass(frozen=True)
class Limits:
    """How much of the data may be bad.

    Attributes:
        strict: nothing at all.
        bad_clips: allowed share of all clips; fewer than ten are allowed whatever their share.
    """

    strict: bool = False
    bad_clips: float = 0.05


def require_usable(
    manifest: Manifest, training: Sequence[int], features: FeatureSet, limits: Limits
) -> None:
    """Refuse data of which too much is in quarantine.

    Args:
        manifest: all clips.
        training: positions of the clips that train.
        features: one FeatureSet of them.
        limits: what is too much.

    Raises:
        InputError: says how many clips, the first reasons, and what to do.
    """
    _require_few(manifest, list_quarantined(manifest, features), limits)
    labels = np.array(manifest.labels(training))
    has_features = features.row[np.array(training)] != NO_ROW
    readable = np.bincount(labels[has_features], minlength=len(manifest.classes))
    for label, count in zip(manifest.classes, readable, strict=True):
        if count == 0:
            raise InputError(
                f"no clip of class '{label}' can be decoded of those that train; replace the "
                f"files (the class has {manifest.class_counts[label]}) or leave the class out"
            )


def _require_few(manifest: Manifest, bad: Sequence[Quarantined], limits: Limits) -> None:
    if limits.strict and bad:
        rule = "--strict allows none. Mend them, or launch without it"
    elif len(bad) > ALWAYS_ALLOWED and len(bad) > limits.bad_clips * len(manifest):
        rule = (
            f"`bad_clips: {limits.bad_clips:g}` allows {100 * limits.bad_clips:g} %. Mend them, "
            "or raise `bad_clips` in the grid or with --set"
        )
    else:
        return
    shown = "; ".join(f"{each.clip.path!r}: {each.reason}" for each in bad[:SHOWN])
    raise InputError(
        f"{len(bad)} of {len(manifest)} clips cannot be used, and {rule}. All of them stand in "
        f"quarantine.csv, and `python -m pipeline.audit` tells more of the data; the first: {shown}"
    )


def write_quarantine(path: Path, quarantined: Sequence[Quarantined]) -> None:
    """Write quarantine.csv; with no bad clip it has its header alone."""
    write_csv(path, HEADER, _rows(quarantined))


def is_quarantine_written(path: Path, quarantined: Sequence[Quarantined]) -> bool:
    """Tell whether quarantine.csv lists just these clips."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return list(csv.reader(file)) == [list(HEADER), *_rows(quarantined)]
    except (OSError, UnicodeDecodeError, csv.Error):
        return False


def _rows(quarantined: Sequence[Quarantined]) -> list[list[str]]:
    """Return a row for each clip and reason, with the feature sets that lack it."""
    sets: dict[tuple[str, ...], list[str]] = {}
    for each in quarantined:
        clip = each.clip
        known_by = (clip.subset, clip.id, clip.path, clip.label or "", each.reason)
        sets.setdefault(known_by, []).append(each.features)
    return [[*described, "+".join(names), reason] for (*described, reason), names in sets.items()]
