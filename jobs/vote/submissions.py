"""A hard vote over submission files of any origin, as the report's author held it by hand."""

import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from jobs.errors import InputError, quoted
from jobs.files import csv_rows, write_csv
from jobs.predict.predictions import SUBMISSION_HEADER

SHOWN = 5
# What others call the column of labels, where it is the only one beside `id`.
LABELS = ("category", "label", "class", "class_name", "prediction", "predicted", "target")


@dataclass(frozen=True)
class Submission:
    """The labels that one file gives, by id and in its order."""

    path: Path
    labels: Mapping[str, str]

    @classmethod
    def load(cls, path: Path) -> "Submission":
        """Read a CSV file with a column `id` and one of labels.

        Labels are in `category`; where there is one column beside `id`, it may have another of the
        usual names. Any other, such as `confidence`, would be counted as if its values were labels.

        Raises:
            InputError: it is not one; names the file, the line, and what is expected.
        """
        try:
            with path.open(encoding="utf-8-sig", newline="") as file:
                rows = [row for row in csv_rows(file) if row]
        except FileNotFoundError:
            raise InputError(f"{path} is not there") from None
        except (UnicodeDecodeError, csv.Error) as error:
            raise InputError(f"{path} is no CSV file in UTF-8: {error}") from None
        id_column, label_column = _columns(path, rows[0] if rows else [])
        labels: dict[str, str] = {}
        for number, row in enumerate(rows[1:], start=2):
            if len(row) != len(rows[0]) or not row[label_column].strip():
                raise InputError(
                    f"{path}, row {number}: expected {len(rows[0])} cells, none empty; got "
                    f"{quoted(row)}"
                )
            id_ = row[id_column].strip()
            if id_ in labels:
                raise InputError(f"{path}, row {number}: id {quoted(id_)} is there twice")
            labels[id_] = row[label_column].strip()
        if not labels:
            raise InputError(f"{path} has no rows below its header")
        return cls(path, labels)


def _columns(path: Path, header: Sequence[str]) -> tuple[int, int]:
    """Return which columns hold the ids and the labels."""
    names = [name.strip().lower() for name in header]
    others = [number for number, name in enumerate(names) if name != "id"]
    if "id" in names and "category" in names:
        return names.index("id"), names.index("category")
    if "id" in names and len(others) == 1 and names[others[0]] in LABELS:
        return names.index("id"), others[0]
    raise InputError(
        f"{path} must have the columns `id` and `category` in its first row; got {quoted(header)}. "
        f"If there is no column but one of labels, it may be called {', '.join(LABELS[1:])} too"
    )


def vote_over(submissions: Sequence[Submission]) -> list[tuple[str, str, str, list[str]]]:
    """Return (id, winner, agreement, each file's label) in the order of the first file.

    Most votes win. A tie goes to the class that the file named first voted for, among the tied.

    Raises:
        InputError: the files do not have the same ids.
    """
    first = submissions[0]
    for other in submissions[1:]:
        _require_same_ids(first, other)
    rows = []
    for id_ in first.labels:
        labels = [each.labels[id_] for each in submissions]
        counts = Counter(labels)
        most = max(counts.values())
        winner = next(label for label in labels if counts[label] == most)
        rows.append((id_, winner, f"{most / len(labels):.3f}", labels))
    return rows


def _require_same_ids(first: Submission, other: Submission) -> None:
    for has, lacks in ((first, other), (other, first)):
        if missing := [id_ for id_ in has.labels if id_ not in lacks.labels]:
            named = ", ".join(map(quoted, missing[:SHOWN])) + (", ..." * (len(missing) > SHOWN))
            raise InputError(
                f"{lacks.path} lacks {len(missing)} of the ids of {has.path}: {named}. All files "
                "must be of the same test clips"
            )


def write_vote(path: Path, votes: Path, submissions: Sequence[Submission]) -> None:
    """Write the winners in submission form, and beside them who voted for what.

    Args:
        path: of the submission.
        votes: of the table of votes.
        submissions: two or more.
    """
    rows = vote_over(submissions)
    titles = [str(each.path) for each in submissions]
    header = ("id", "category", "agreement", *titles)
    write_csv(votes, header, ((*row[:3], *row[3]) for row in rows))
    write_csv(path, SUBMISSION_HEADER, (row[:2] for row in rows))
