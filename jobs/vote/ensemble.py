"""The ensemble: which checkpoints voted, from which inputs, and what came of it (ensemble.json)."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from jobs.errors import DamagedFileError, InputError
from jobs.files import read_json, write_json
from jobs.schema import Fingerprint, Schema
from jobs.vote.rules import VoteRules


class VotingCheckpoint(Schema):
    """A checkpoint of a run; `predictions` is the SHA-256 of its file of test predictions."""

    signature: Fingerprint
    epoch: int
    predictions: str | None


class Voter(Schema):
    """A run's checkpoint that votes, or with folds one of each, whose mean does.

    Attributes:
        run: as the grid names it.
        epoch: that is meant; a fold that stopped earlier stands in with its last.
        val_accuracy, val_loss: over the validation clips, with folds of all of them.
        times: how many votes it has.
        checkpoints: one, or with folds one of each.
    """

    run: str
    epoch: int
    val_accuracy: float
    val_loss: float
    times: int
    checkpoints: tuple[VotingCheckpoint, ...]


class AbsentVoter(Schema):
    """A run of the grid, or with folds all runs of one entry, that do not vote, and why.

    `stopped` says that successive halving stopped it.
    """

    run: str
    signature: Fingerprint
    reason: str
    stopped: bool = False


class Inputs(Schema):
    """Everything that the result depends on; the vote is done again when it differs.

    `candidates` stands for all checkpoints that might have been chosen, `run` is the one run whose
    they are, "" for all of the grid.
    """

    labelled_clips: str
    test_clips: str
    rules: VoteRules
    candidates: Fingerprint
    run: str = ""
    absent: tuple[str, ...]


class Ensemble(Schema):
    """Who voted, who did not, and which results came of it.

    Attributes:
        inputs: what the result depends on.
        voters: best first.
        absent: the runs that do not vote.
        temperature: by which `confidence` in votes.csv is calibrated; 1 if no voter's validation
            predictions could be read.
        unreadable_test_clips: ids of clips that no voter could read; they got the majority class.
        results: SHA-256 of votes.csv and submission.csv, by file name; empty without test clips.
    """

    inputs: Inputs
    voters: tuple[Voter, ...]
    absent: tuple[AbsentVoter, ...]
    temperature: float
    unreadable_test_clips: tuple[str, ...]
    results: dict[Literal["votes.csv", "submission.csv"], str]

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

    def voted_with(self, predictions: Mapping[tuple[str, int], Path]) -> bool:
        """Return whether the voters' test predictions are still those that were counted.

        Args:
            predictions: the file of each (signature, epoch).
        """
        return all(
            sha256_of(predictions[each.signature, each.epoch]) == each.predictions
            for voter in self.voters
            for each in voter.checkpoints
        )


def sha256_of(path: Path) -> str | None:
    """Return the SHA-256 of a file, or None if it is not there."""
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else None
