"""The ensemble: which checkpoints voted, from which inputs, and what came of it (ensemble.json)."""

import hashlib
from pathlib import Path
from typing import Literal

from jobs.errors import DamagedFileError, InputError
from jobs.files import read_json, write_json
from jobs.schema import Fingerprint, Schema
from jobs.vote.rules import VoteRules


class Voter(Schema):
    """One checkpoint that votes; `predictions` is the SHA-256 of its file of test predictions."""

    run: str
    signature: Fingerprint
    epoch: int
    val_accuracy: float
    val_loss: float
    predictions: str | None


class AbsentVoter(Schema):
    """A run of the grid that does not vote, and why."""

    run: str
    signature: Fingerprint
    reason: str


class Inputs(Schema):
    """Everything that the result depends on; the vote is done again when it differs."""

    labelled_clips: str
    test_clips: str
    rules: VoteRules
    voters: tuple[Voter, ...]
    absent: tuple[str, ...]


class Ensemble(Schema):
    """Who voted, who did not, and which results came of it.

    Attributes:
        inputs: what the result depends on, the voters (best first) among it.
        absent: the runs that do not vote.
        unreadable_test_clips: ids of clips that no voter could read; they got the majority class.
        results: SHA-256 of votes.csv and submission.csv, by file name; empty without test clips.
    """

    inputs: Inputs
    absent: tuple[AbsentVoter, ...]
    unreadable_test_clips: tuple[str, ...]
    results: dict[Literal["votes.csv", "submission.csv"], str]

    @property
    def voters(self) -> tuple[Voter, ...]:
        return self.inputs.voters

    def save(self, path: Path) -> None:
        """Write ensemble.json, which says that the results beside it are complete."""
        write_json(path, self.model_dump(mode="json"))

    @classmethod
    def load(cls, path: Path) -> "Ensemble | None":
        """Read what `save` wrote; None if there is none, or none of this format."""
        try:
            return cls.checked(read_json(path), str(path))
        except (FileNotFoundError, DamagedFileError, InputError, AttributeError, TypeError):
            return None

    def is_of(self, inputs: Inputs, folder: Path) -> bool:
        """Return whether these are the results of `inputs`, and still those on disk in `folder`."""
        return self.inputs == inputs and all(
            sha256_of(folder / name) == digest for name, digest in self.results.items()
        )


def sha256_of(path: Path) -> str | None:
    """Return the SHA-256 of a file, or None if it is not there."""
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else None
