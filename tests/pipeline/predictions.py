"""What tests of predictions share."""

import csv
from pathlib import Path

from tests.commands import Done, command


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def predict(*arguments: object, out: Path) -> Done:
    return command("predict", *arguments, "--out", out)


def require_as_voted(said: Path, output: Path) -> None:
    """Compare what was predicted with the launch's votes, digit by digit."""
    ours, votes = rows_of(said), rows_of(output / "votes.csv")
    assert len(ours) == len(votes) == 12
    shared = [name for name in ours[0] if name in votes[0]]
    assert {"id", "category", "agreement", "confidence", "p_0", "p_3"} <= set(shared)
    assert [[r[n] for n in shared] for r in ours] == [[r[n] for n in shared] for r in votes]
