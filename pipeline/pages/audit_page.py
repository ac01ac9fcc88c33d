"""What an audit found, as tables and sentences."""

from collections.abc import Sequence
from pathlib import Path

from jobs.audit.summary import AuditSummary, Spread
from jobs.words import count
from pipeline.pages import console

SHOWN = 10


def show(summary: AuditSummary, notes: Sequence[str], folder: Path) -> None:
    """Print the findings.

    Args:
        summary: what was found in the clips.
        notes: what was seen while the data folder was read.
        folder: where the files of the audit lie.
    """
    clips = summary.clips
    console.heading(f"{count(clips.training, 'training clip')}, {count(clips.test, 'test clip')}")
    classes = [
        (label, str(number), f"{100 * number / clips.training:.1f} %")
        for label, number in clips.classes.items()
    ]
    console.table(("class", "clips", "share"), classes)
    console.heading("Audio")
    # The length that is wanted is the setting of the features that were audited.
    facts = [
        (name.replace("_", " ").replace("wanted", "`seconds`"), v) for name, v in summary.audio
    ]
    console.table(("", ""), [(name, _cell(value)) for name, value in facts])
    console.heading("Clips")
    console.table(("", "clips"), _statuses(summary))
    console.heading("Recordings that occur twice")
    found = [(name.replace("_", " "), str(n)) for name, n in summary.duplicates.items()]
    console.table(("", "found"), found or [("none", "0")])
    console.say()
    for sentence in (*notes, *summary.warnings):
        console.warn(sentence)
    console.say(f"  every clip: {folder / 'clips.csv'}")
    console.say(f"  every such recording: {folder / 'duplicates.csv'}")
    if (folder / "train.csv").exists():
        console.say(f"  suggested groups: {folder / 'train.csv'}; copy it into the data folder")


def _statuses(summary: AuditSummary) -> list[tuple[str, str]]:
    status, reasons = summary.status, list(summary.quarantine.items())[:SHOWN]
    return [
        ("whole", str(status.ok)),
        ("shorter than the header says", str(status.partial)),
        ("cannot be used", str(status.quarantined)),
        *((f"  {reason}", str(number)) for reason, number in reasons),
    ]


def _cell(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, Spread):
        return f"{value.min:g} to {value.max:g}, median {value.median:g}"
    if isinstance(value, dict):
        return ", ".join(f"{key}: {number}" for key, number in value.items()) or "–"
    return str(value)
