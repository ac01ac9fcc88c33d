"""What is answered for each clip, as CSV or JSON."""

import csv
import json
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from jobs.data.manifest import Manifest
from jobs.errors import DamagedFileError
from jobs.extract.config import FeatureConfig
from jobs.extract.store.feature_set import FeatureSet
from jobs.files import csv_rows, replacing, write_csv
from jobs.inference.classifier import Classifier
from jobs.vote.calibration import mean_log
from jobs.vote.results import Counted
from jobs.vote.tally import NOBODY, count_votes

# A recording longer than this many windows has more to say than its first.
LONG = 1.5
SILENT = "no voter gives finite probabilities"
NUMBERS = ("start", "end", "agreement", "confidence")
# In a row of which only the beginning was heard; it is counted, and not written.
BEGINNING = "beginning"

Row = dict[str, Any]


@dataclass(frozen=True)
class Answers:
    """The answers for some clips, in their order.

    Attributes:
        classifier: whose they are.
        clips: that were asked for.
        counted: the vote.
        reasons: why clips could not be read, by position.
        long: positions of clips of which only the beginning was heard.
    """

    classifier: Classifier
    clips: Manifest
    counted: Counted
    reasons: Mapping[int, str]
    long: frozenset[int]

    @classmethod
    def of(
        cls,
        classifier: Classifier,
        clips: Manifest,
        features: Mapping[FeatureConfig, FeatureSet],
    ) -> "Answers":
        """Let all voters predict, and count."""
        said = classifier.said(features)
        voters = classifier.voters
        counted = Counted(
            count_votes(said, classifier.combine),
            [voter.title for voter in voters],
            [voter.times for voter in voters],
            mean_log(said),
            classifier.temperature,
        )
        reasons: dict[int, str] = {}
        for each in features.values():
            reasons = each.reasons | reasons
        readable = counted.tally.winners != NOBODY
        missing = {p: reasons.get(p, SILENT) for p in np.flatnonzero(~readable).tolist()}
        durations = next(iter(features.values())).facts()["duration_s"]
        long = np.flatnonzero(readable & (durations > LONG * classifier.seconds))
        return cls(classifier, clips, counted, missing, frozenset(long.tolist()))

    def rows(self) -> Iterator[Row]:
        """Yield one answer a clip: a label, or the reason why there is none; never a guess."""
        classes, names = self.classifier.classes, self.classifier.class_names
        tally, confidence = self.counted.tally, self.counted.confidence
        for position, clip in enumerate(self.clips.clips):
            winner = int(tally.winners[position])
            label = classes[winner] if winner != NOBODY else ""
            known = winner != NOBODY
            row = {
                "id": clip.id,
                "path": clip.path,
                "category": label,
                "class_name": names.get(label, ""),
                "agreement": f"{tally.agreement[position]:.3f}" if known else "",
                **{
                    f"p_{name}": f"{p:.9f}" if known else ""
                    for name, p in zip(classes, tally.mean[position], strict=True)
                },
                "confidence": confidence[position],
                "problem": self.reasons.get(position, ""),
            }
            yield row | {BEGINNING: "yes"} if position in self.long else row


def save_rows(path: Path, rows: Iterable[Row], classes: Sequence[str]) -> None:
    """Write answers as they come, at least one, as CSV or as JSON."""
    if path.suffix.lower() == ".json":
        _write_json(path, (_typed(row, classes) for row in rows))
        return
    rows = iter(rows)
    first = next(rows)
    write_csv(path, list(first), (list(row.values()) for row in chain([first], rows)))


def _write_json(path: Path, answers: Iterator[Row]) -> None:
    """Write a list as `write_json` does, but row by row: of a million it would take gigabytes."""
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        before = "[\n"
        for answer in answers:
            text = json.dumps(answer, indent=2, ensure_ascii=False, allow_nan=False)
            file.write(before + textwrap.indent(text, "  "))
            before = ",\n"
        file.write("\n]\n")


def read_rows(path: Path) -> Iterator[Row]:
    """Yield what `save_rows` wrote as CSV.

    Raises:
        DamagedFileError: it is something else.
    """
    with path.open(encoding="utf-8", newline="") as file:
        lines = csv_rows(file)
        try:
            header = next(lines)
            for cells in lines:
                yield dict(zip(header, cells, strict=True))
        except (csv.Error, StopIteration, UnicodeDecodeError, ValueError) as error:
            raise DamagedFileError(
                f"{path} is damaged; delete it, and give the same command again"
            ) from error


def _typed(row: Mapping[str, Any], classes: Sequence[str]) -> dict[str, Any]:
    """Return an answer with numbers as numbers, and null where there is none."""
    probabilities = {name: _number(row[f"p_{name}"]) for name in classes}
    numbers = {name: _number(row[name]) for name in NUMBERS if name in row}
    return {
        "id": row["id"],
        "path": row["path"],
        "category": row["category"] or None,
        "class_name": row["class_name"] or None,
        **numbers,
        "probabilities": probabilities if row["category"] else None,
        "problem": row["problem"] or None,
    }


def _number(text: str) -> float | None:
    return float(text) if text else None
