"""Vote over the runs of a grid and write votes.csv, submission.csv and ensemble.json."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from jobs.data.dataset import Dataset
from jobs.data.workspace import Workspace
from jobs.errors import DamagedFileError, NotReadyError
from jobs.files import remove, set_aside, write_csv
from jobs.predict.predict import has_predictions
from jobs.predict.predictions import SUBMISSION_HEADER, Predictions
from jobs.vote.candidates import AbsentRun, Candidate, Entry, rank_candidates
from jobs.vote.ensemble import AbsentVoter, Ensemble, Inputs, Voter, sha256_of
from jobs.vote.rules import CHOOSE, VoteRules
from jobs.vote.tally import NOBODY, Tally, count_votes
from jobs.words import count

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Vote:
    """A vote that may be held: the chosen voters, and the runs that have none."""

    dataset: Dataset
    rules: VoteRules
    voters: list[Candidate]
    absent: list[AbsentRun]

    @classmethod
    def among(cls, dataset: Dataset, entries: Sequence[Entry], rules: VoteRules) -> "Vote":
        """Choose the voters among the checkpoints of all trained runs."""
        candidates, absent = rank_candidates(
            entries, lambda run, checkpoint: has_predictions(run, checkpoint, dataset)
        )
        return cls(dataset, rules, CHOOSE[rules.choose](candidates, rules.votes), absent)

    @property
    def inputs(self) -> Inputs:
        return Inputs(
            labelled_clips=self.dataset.labelled_fingerprint,
            test_clips=self.dataset.test.fingerprint,
            rules=self.rules,
            voters=tuple(_voter(each) for each in self.voters),
            absent=tuple(sorted(each.entry.signature for each in self.absent)),
        )

    def is_held(self, workspace: Workspace) -> bool:
        """Return whether the results on disk are those of this vote."""
        ensemble = Ensemble.load(workspace.ensemble)
        return ensemble is not None and ensemble.is_of(self.inputs, workspace.root)

    def hold(self, workspace: Workspace) -> Ensemble:
        """Count the votes and write the results; ensemble.json comes last.

        A test clip that no voter could read gets the class with most labelled clips. Without test
        clips ensemble.json alone is written, and results of former test clips are removed.

        Raises:
            NotReadyError: no run has a checkpoint.
            DamagedFileError: predictions are damaged; they are set aside, to be made again.
        """
        self._require_voters()
        # In this order: a kill in between leaves an ensemble.json whose hashes do not fit, and the
        # vote is held again.
        results = (workspace.votes, workspace.submission)
        unreadable: list[str] = []
        if len(self.dataset.test):
            tally = count_votes(self._probabilities(), self.rules.combine)
            unreadable = self._write(tally, *results)
        else:
            for path in results:
                remove(path)
        ensemble = Ensemble(
            inputs=self.inputs,
            absent=tuple(_absent(each) for each in self.absent),
            unreadable_test_clips=tuple(unreadable),
            results={p.name: digest for p in results if (digest := sha256_of(p)) is not None},
        )
        ensemble.save(workspace.ensemble)
        return ensemble

    def _require_voters(self) -> None:
        if not self.voters:
            reasons = "; ".join(f"{each.entry.name}: {each.reason}" for each in self.absent)
            raise NotReadyError(f"no run has a checkpoint that could vote ({reasons})")
        if len(self.voters) < self.rules.votes:
            voters = count(len(self.voters), "checkpoint")
            log.warning("the ensemble is of %s and not of %d", voters, self.rules.votes)
        for each in self.absent:
            log.warning("run %s does not vote: %s", each.entry.name, each.reason)

    def _probabilities(self) -> npt.NDArray[np.float32]:
        """Return float32 [voters, test clips, classes]."""
        stacked = []
        for voter in self.voters:
            path = voter.entry.run.test_predictions(voter.checkpoint.epoch)
            try:
                stacked.append(Predictions.load(path).probabilities)
            except DamagedFileError as error:
                set_aside(path)
                raise DamagedFileError(
                    f"{error} and is set aside; launch again: it is made from the weights"
                ) from error
        return np.stack(stacked)

    def _write(self, tally: Tally, votes: Path, submission: Path) -> list[str]:
        """Write votes.csv and submission.csv; return the ids of clips that nobody could read."""
        dataset, ids = self.dataset, self.dataset.test.ids
        classes = dict(enumerate(dataset.classes))
        winners = [classes.get(index, dataset.majority_class) for index in tally.winners.tolist()]
        columns = [[classes.get(index, "") for index in row] for row in tally.votes.tolist()]
        agreement = [f"{share:.3f}" for share in tally.agreement]
        header = ("id", "category", "agreement", *(voter.title for voter in self.voters))
        write_csv(votes, header, zip(ids, winners, agreement, *columns, strict=True))
        write_csv(submission, SUBMISSION_HEADER, zip(ids, winners, strict=True))
        return [id_ for id_, w in zip(ids, tally.winners, strict=True) if w == NOBODY]


def hold_vote(
    workspace: Workspace, dataset: Dataset, entries: Sequence[Entry], rules: VoteRules
) -> None:
    """Vote over all runs; one whose predictions turn out damaged is left out.

    Raises:
        NotReadyError: no run has a checkpoint.
    """
    # One pass more than there are runs: each damaged file that is found takes one run out.
    for _ in range(len(entries) + 1):
        try:
            Vote.among(dataset, entries, rules).hold(workspace)
        except DamagedFileError as error:
            log.warning("%s", error)
        else:
            return


def _voter(candidate: Candidate) -> Voter:
    entry, checkpoint = candidate.entry, candidate.checkpoint
    return Voter(
        run=entry.name,
        signature=entry.signature,
        epoch=checkpoint.epoch,
        val_accuracy=checkpoint.val_accuracy,
        val_loss=checkpoint.val_loss,
        predictions=sha256_of(entry.run.test_predictions(checkpoint.epoch)),
    )


def _absent(each: AbsentRun) -> AbsentVoter:
    return AbsentVoter(run=each.entry.name, signature=each.entry.signature, reason=each.reason)
