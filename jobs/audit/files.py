"""The audit as files: audit.json, clips.csv, duplicates.csv and a train.csv with groups."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from jobs.audit.findings import Findings, audit_dataset
from jobs.audit.recordings import save_recordings
from jobs.audit.summary import AuditSummary
from jobs.data.dataset import Dataset
from jobs.extract.store.feature_set import FeatureSet
from jobs.files import remove, write_csv

CLIPS, TRAIN = "clips.csv", "train.csv"
FACTS = (
    *("sample_rate", "channels", "codec", "bit_rate", "duration_s"),
    *("peak", "rms", "silence", "leading_silence_s", "missing_s"),
)
CLIPS_HEADER = ("subset", "id", "path", "label", "status", "reason", "recording", *FACTS)
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
    save_recordings(folder, findings.clips, findings.clusters)
    remove(folder / TRAIN)
    if findings.regrouped:
        write_csv(folder / TRAIN, TRAIN_HEADER, _train(findings))
    summary = findings.summary()
    summary.save(folder)
    return summary


def _clips(findings: Findings) -> Iterator[list[Any]]:
    numbers = {p: n for n, each in enumerate(findings.clusters, 1) for p in each.positions}
    for position, (side, clip) in enumerate(zip(findings.sides, findings.clips, strict=True)):
        row = findings.table[position]
        facts = [row[name].item() if row["sample_rate"] else "" for name in FACTS]
        described = [side, clip.id, clip.path, clip.label or ""]
        status, reason = row["status"].decode(), findings.reasons.get(position, "")
        recording = numbers.get(position, "")
        yield [*described, status, reason, recording, *(_shown(value) for value in facts)]


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
