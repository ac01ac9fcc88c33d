"""The audit as files: audit.json, clips.csv, duplicates.csv and a train.csv with groups."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jobs.data.manifest import Manifest
from jobs.errors import DamagedFileError
from jobs.extract.feature_set import FeatureSet
from jobs.files import read_json, write_csv, write_json

if TYPE_CHECKING:  # a launch asks only whether the audit is there
    from jobs.audit.duplicates import Duplicate
    from jobs.audit.findings import Findings

FORMAT = 1
SUMMARY, CLIPS, DUPLICATES, TRAIN = "audit.json", "clips.csv", "duplicates.csv", "train.csv"
MEASURED = ("sample_rate", "channels", "duration_s", "peak", "silence", "missing_s")
CLIPS_HEADER = ("subset", "id", "path", "label", "status", "reason", *MEASURED)
SIDE = ("path", "label", "group")
DUPLICATES_HEADER = (
    *("kind", "where", "two_labels", "similarity", "shift_s"),
    *(f"one_{name}" for name in SIDE),
    *(f"other_{name}" for name in SIDE),
)
TRAIN_HEADER = ("path", "label", "id", "class_name", "group", "fold")


def write_findings(folder: Path, findings: "Findings", features: FeatureSet) -> None:
    """Write all files of an audit; audit.json comes last and stands for all of them."""
    manifest = findings.manifest
    write_csv(folder / CLIPS, CLIPS_HEADER, _clips(findings))
    pairs = (_pair(manifest, pair) for pair in findings.duplicates)
    write_csv(folder / DUPLICATES, DUPLICATES_HEADER, pairs)
    (folder / TRAIN).unlink(missing_ok=True)
    if findings.regrouped:
        write_csv(folder / TRAIN, TRAIN_HEADER, _train(findings))
    written = {"inputs": _inputs(manifest, features), **findings.summary()}
    write_json(folder / SUMMARY, written | {"warnings": findings.warnings})


def is_audited(folder: Path, manifest: Manifest, features: FeatureSet) -> bool:
    """Tell whether the files are of these clips and features."""
    try:
        return bool(read_json(folder / SUMMARY)["inputs"] == _inputs(manifest, features))
    except (FileNotFoundError, DamagedFileError, KeyError, TypeError):
        return False


def _inputs(manifest: Manifest, features: FeatureSet) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "labelled_clips": manifest.labelled_fingerprint,
        "test_clips": manifest.test_fingerprint,
        "features": features.folder.name,
    }


def _clips(findings: "Findings") -> Iterator[list[Any]]:
    for position, clip in enumerate(findings.manifest.clips):
        row = findings.table[position]
        measured = [row[name].item() if row["sample_rate"] else "" for name in MEASURED]
        described = [clip.subset, clip.id, clip.path, clip.label or ""]
        status, reason = row["status"].decode(), findings.reasons.get(position, "")
        yield [*described, status, reason, *(_rounded(value) for value in measured)]


def _pair(manifest: Manifest, pair: "Duplicate") -> list[Any]:
    told = [pair.kind, pair.where(manifest), "yes" if pair.has_two_labels(manifest) else "no"]
    sides = [
        value
        for clip in (manifest.clips[pair.one], manifest.clips[pair.other])
        for value in (clip.path, clip.label or "", clip.group or "")
    ]
    return [*told, _rounded(pair.similarity), _rounded(pair.shift_s), *sides]


def _train(findings: "Findings") -> Iterator[list[Any]]:
    groups, names = findings.groups, findings.manifest.class_names
    for position, clip in enumerate(findings.manifest.labelled):
        group, fold = groups.get(position, ""), "" if clip.fold is None else clip.fold
        class_name = names.get(str(clip.label), "")
        yield [clip.path, clip.label, clip.id, class_name, group, fold]


def _rounded(value: Any) -> Any:
    return float(f"{value:.6g}") if isinstance(value, float) else value
