"""Vote over the runs of a grid and write votes.csv, ensemble.json and submission.csv."""

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from jobs.data.manifest import Manifest
from jobs.data.workspace import Workspace
from jobs.errors import DamagedFileError, NotReadyError
from jobs.files import read_json, write_csv, write_json
from jobs.train.predictions import SUBMISSION_HEADER, load_probabilities
from jobs.vote.majority import Decision, majority_vote
from jobs.vote.rank import Contender, Missing, Ranked, rank_checkpoints

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Ballot:
    """Who votes on what: everything that the result depends on."""

    manifest: Manifest
    voters: list[Ranked]
    missing: list[Missing]
    wanted: int

    @classmethod
    def draw(cls, manifest: Manifest, contenders: Sequence[Contender], wanted: int) -> "Ballot":
        """Choose the `wanted` best checkpoints of all complete runs."""
        has_test = bool(manifest.test)
        ranked, missing = rank_checkpoints(contenders, manifest.test_fingerprint, has_test)
        return cls(manifest, ranked[:wanted], missing, wanted)

    @property
    def inputs(self) -> dict[str, Any]:
        """What ensemble.json records; the vote is done again when it differs."""
        return {
            "labelled_clips": self.manifest.labelled_fingerprint,
            "test_clips": self.manifest.test_fingerprint,
            "votes": self.wanted,
            "voters": [
                [
                    v.title,
                    v.contender.signature,
                    v.checkpoint.val_accuracy,
                    v.checkpoint.val_loss,
                    _sha256(v.contender.run.probabilities(self.manifest.test_fingerprint)),
                ]
                for v in self.voters
            ],
            "missing": sorted(m.contender.signature for m in self.missing),
        }


def is_voted(workspace: Workspace, ballot: Ballot) -> bool:
    """Tell whether the results on disk are those of this ballot."""
    try:
        recorded = read_json(workspace.ensemble)
    except (FileNotFoundError, DamagedFileError):
        return False
    if not isinstance(recorded, dict):
        return False
    results = (workspace.votes, workspace.submission)
    wanted = {path.name: _sha256(path) for path in results if ballot.manifest.test}
    return recorded.get("inputs") == ballot.inputs and recorded.get("sha256") == wanted


def vote(workspace: Workspace, ballot: Ballot) -> None:
    """Vote and write the results; ensemble.json comes last and says that they are complete.

    A test clip that no voter could read gets the class with most labelled clips; it is named in
    ensemble.json. Without test clips ensemble.json alone is written, and results of former test
    clips are removed.

    Raises:
        NotReadyError: no run has a checkpoint.
    """
    if not ballot.voters:
        reasons = "; ".join(f"{m.contender.name}: {m.reason}" for m in ballot.missing)
        raise NotReadyError(f"no run has a checkpoint that could vote ({reasons})")
    if len(ballot.voters) < ballot.wanted:
        log.warning("only %d checkpoints vote, not %d", len(ballot.voters), ballot.wanted)
    for missing in ballot.missing:
        log.warning("run %s does not vote: %s", missing.contender.name, missing.reason)
    unreadable: list[str] = []
    if ballot.manifest.test:
        decision = majority_vote(_probabilities(ballot))
        unreadable = _write_results(workspace, ballot, decision)
    else:
        workspace.votes.unlink(missing_ok=True)
        workspace.submission.unlink(missing_ok=True)
    write_json(workspace.ensemble, _described(workspace, ballot, unreadable))


def _probabilities(ballot: Ballot) -> npt.NDArray[np.float32]:
    """Return float32 [voters, test clips, classes]."""
    manifest = ballot.manifest
    per_run: dict[str, dict[int, np.ndarray]] = {}
    stacked = []
    for voter in ballot.voters:
        contender = voter.contender
        if contender.signature not in per_run:
            per_run[contender.signature] = load_probabilities(
                contender.run, manifest.test_fingerprint, len(manifest.test)
            )
        stacked.append(per_run[contender.signature][voter.checkpoint.epoch])
    return np.stack(stacked)


def _write_results(workspace: Workspace, ballot: Ballot, decision: Decision) -> list[str]:
    """Write votes.csv and submission.csv; return the ids of clips that nobody could read."""
    manifest = ballot.manifest
    winners = [manifest.classes[w] if w >= 0 else manifest.majority_class for w in decision.winners]
    ids = [clip.id for clip in manifest.test]
    columns = [
        [manifest.classes[v] if v >= 0 else "" for v in voter_votes]
        for voter_votes in decision.votes
    ]
    agreement = [f"{share:.3f}" for share in decision.agreement]
    header = ("id", "category", "agreement", *(voter.title for voter in ballot.voters))
    write_csv(workspace.votes, header, zip(ids, winners, agreement, *columns, strict=True))
    write_csv(workspace.submission, SUBMISSION_HEADER, zip(ids, winners, strict=True))
    return [id_ for id_, winner in zip(ids, decision.winners, strict=True) if winner < 0]


def _described(workspace: Workspace, ballot: Ballot, unreadable: list[str]) -> dict[str, Any]:
    results = [p for p in (workspace.votes, workspace.submission) if ballot.manifest.test]
    return {
        "voters": [
            {
                "run": voter.contender.name,
                "signature": voter.contender.signature,
                "epoch": voter.checkpoint.epoch,
                "val_accuracy": voter.checkpoint.val_accuracy,
                "val_loss": voter.checkpoint.val_loss,
            }
            for voter in ballot.voters
        ],
        "missing_runs": [
            {"run": m.contender.name, "signature": m.contender.signature, "reason": m.reason}
            for m in ballot.missing
        ],
        "unreadable_test_clips": unreadable,
        "inputs": ballot.inputs,
        "sha256": {path.name: _sha256(path) for path in results},
    }


def _sha256(path: Path) -> str | None:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else None
