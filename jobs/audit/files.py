"""The audit as files: audit.json, clips.csv, duplicates.csv and a train.csv with groups."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from jobs.audit.duplicates import Duplicate
from jobs.audit.findings import Findings, audit_dataset
from jobs.audit.summary import AuditSummary
from jobs.data.dataset import Dataset
from jobs.data.manifest import Clip
from jobs.extract.store.feature_set import FeatureSet
from jobs.files import remove, write_csv

CLIPS, DUPLICATES, TRAIN = "clips.csv", "duplicates.csv", "train.csv"
FACTS = (
    *("sample_rate", "channels", "codec", "bit_rate", "duration_s"),
    *("peak", "rms", "silence", "missing_s"),
)
CLIPS_HEADER = ("subset", "id", "path", "label", "status", "reason", *FACTS)
SIDE = ("path", "label", "group")
DUPLICATES_HEADER = (
    *("kind", "where", "two_labels", "similarity", "shift_s"),
    *(f"one_{name}" for name in SIDE),
    *(f"other_{name}" for name in SIDE),
)
TRAIN_HEADER = ("path", "label", "id", "class_name", "group", "fold")


def audit(folder: Path, dataset: Dataset, sets: Mapping[str, FeatureSet]) -> AuditSummary:
    """Look at all clips and write what was found.

    Args:
        folder: for the files.
        dataset: the clips.
        sets: an indexed FeatureSet for each side that holds clips, all of one config.

    Returns:
        What was found, in numbers and warnings.
    """
    return write_findings(folder, audit_dataset(dataset, sets))


def write_findings(folder: Path, findings: Findings) -> AuditSummary:
    """Write all files of an audit; audit.json comes last and stands for all of them."""
    write_csv(folder / CLIPS, CLIPS_HEADER, _clips(findings))
    pairs = (_pair(findings.clips, pair) for pair in findings.duplicates)
    write_csv(folder / DUPLICATES, DUPLICATES_HEADER, pairs)
    remove(folder / TRAIN)
    if findings.regrouped:
        write_csv(folder / TRAIN, TRAIN_HEADER, _train(findings))
    summary = findings.summary()
    summary.save(folder)
    return summary


def _clips(findings: Findings) -> Iterator[list[Any]]:
    for position, (side, clip) in enumerate(zip(findings.sides, findings.clips, strict=True)):
        row = findings.table[position]
        facts = [row[name].item() if row["sample_rate"] else "" for name in FACTS]
        described = [side, clip.id, clip.path, clip.label or ""]
        status, reason = row["status"].decode(), findings.reasons.get(position, "")
        yield [*described, status, reason, *(_shown(value) for value in facts)]


def _pair(clips: Sequence[Clip], pair: Duplicate) -> list[Any]:
    described = [pair.kind, pair.where(clips), "yes" if pair.has_two_labels(clips) else "no"]
    sides = [
        value
        for clip in (clips[pair.one], clips[pair.other])
        for value in (clip.path, clip.label or "", clip.group or "")
    ]
    return [*described, _shown(pair.similarity), _shown(pair.shift_s), *sides]


def _train(findings: Findings) -> Iterator[list[Any]]:
    groups, dataset = findings.groups, findings.dataset
    for position, clip in enumerate(dataset.labelled.clips):
        group, fold = groups.get(position, ""), "" if clip.fold is None else clip.fold
        class_name = dataset.class_names.get(str(clip.label), "")
        yield [clip.path, clip.label, clip.id, class_name, group, fold]


def _shown(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode()
    return float(f"{value:.6g}") if isinstance(value, float) else value
