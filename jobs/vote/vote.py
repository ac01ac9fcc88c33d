"""Vote over the runs of a grid and write votes.csv, submission.csv and ensemble.json."""

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from jobs.data.dataset import TEST, Dataset
from jobs.data.workspace import Results
from jobs.errors import DamagedFileError, NotReadyError
from jobs.files import remove, set_aside
from jobs.predict.predict import has_predictions
from jobs.predict.predictions import Predictions
from jobs.predict.target import of_test
from jobs.schema import fingerprint
from jobs.vote.calibration import fit_temperature, mean_log
from jobs.vote.candidates import AbsentEntry, Candidate, Entry, Member, rank_candidates
from jobs.vote.ensemble import (
    AbsentVoter,
    Ensemble,
    Inputs,
    Voter,
    VotingCheckpoint,
    sha256_of,
)
from jobs.vote.results import Counted, write_results
from jobs.vote.rules import CHOOSE, VoteRules
from jobs.vote.tally import count_votes, mean_of_folds
from jobs.vote.validated import Validated
from jobs.words import count

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Vote:
    """A vote that may be held: its candidates, best first, and the runs that have none."""

    dataset: Dataset
    rules: VoteRules
    candidates: list[Candidate]
    absent: list[AbsentEntry]
    run: str = ""

    @classmethod
    def among(
        cls, dataset: Dataset, entries: Sequence[Entry], rules: VoteRules, run: str = ""
    ) -> "Vote":
        """Find the checkpoints of trained runs.

        Args:
            dataset: labelled and test clips.
            entries: of the grid; or one of them, and its name as `run`.
            rules: of the vote.
            run: the one run that votes; "" for all.
        """
        tests = of_test(dataset)
        candidates, absent = rank_candidates(
            entries, lambda run, c: all(has_predictions(run, c, test) for test in tests)
        )
        return cls(dataset, rules, candidates, absent, run)

    @property
    def inputs(self) -> Inputs:
        return Inputs(
            labelled_clips=self.dataset.labelled_fingerprint,
            test_clips=self.dataset.test.fingerprint,
            rules=self.rules,
            candidates=fingerprint([_identity(each) for each in self.candidates]),
            run=self.run,
            absent=tuple(sorted(each.entry.signature for each in self.absent)),
        )

    def is_held(self, results: Results) -> bool:
        """Return whether the results on disk are those of this vote. Nothing is chosen for that."""
        ensemble = Ensemble.load(results.ensemble)
        if ensemble is None or not ensemble.is_of(self.inputs, results.folder):
            return False
        paths = {
            (member.signature, member.checkpoint.epoch): member.test_predictions
            for each in self.candidates
            for member in each.members
        }
        return ensemble.voted_with(paths)

    @cached_property
    def validated(self) -> Validated:
        """What the runs of the candidates said of their validation clips."""
        return Validated.of(dict.fromkeys(m.run for each in self.candidates for m in each.members))

    @cached_property
    def voters(self) -> list[tuple[Candidate, int]]:
        """The chosen candidates, best first, each with how often it votes."""
        ranking = self.validated.ranking(self.candidates)
        picks = Counter(CHOOSE[self.rules.choose](ranking, self.rules))
        return [(self.candidates[position], times) for position, times in sorted(picks.items())]

    def hold(self, results: Results) -> Ensemble:
        """Count the votes and write the results; ensemble.json comes last.

        A test clip that no voter could read gets the class with most labelled clips. Without test
        clips ensemble.json alone is written, and results of former test clips are removed.

        Raises:
            NotReadyError: no run has a checkpoint.
            DamagedFileError: predictions are damaged; those of test clips are set aside, to be
                made again.
        """
        self._require_voters()
        results.folder.mkdir(parents=True, exist_ok=True)
        temperature = self._temperature()
        # In this order: a kill in between leaves an ensemble.json whose hashes do not fit, and the
        # vote is held again.
        unreadable: tuple[str, ...] = ()
        if len(self.dataset.test):
            said = self.said_of(TEST)
            tally = count_votes(said, self.rules.combine)
            titles = [_title(candidate, times) for candidate, times in self.voters]
            times = [times for _, times in self.voters]
            counted = Counted(tally, titles, times, mean_log(said), temperature)
            unreadable = write_results(results, self.dataset, counted)
        else:
            remove(results.votes)
            remove(results.submission)
        written = (results.votes, results.submission)
        ensemble = Ensemble(
            inputs=self.inputs,
            voters=tuple(_voter(candidate, times) for candidate, times in self.voters),
            absent=tuple(_absent(each) for each in self.absent),
            temperature=temperature,
            unreadable_test_clips=unreadable,
            results={p.name: digest for p in written if (digest := sha256_of(p)) is not None},
        )
        ensemble.save(results.ensemble)
        return ensemble

    def require_candidates(self) -> None:
        """Refuse a vote without any candidate.

        Raises:
            NotReadyError: says of each run why it has none.
        """
        if not self.candidates:
            reasons = "; ".join(f"{each.entry.name}: {each.reason}" for each in self.absent)
            raise NotReadyError(f"no run has a checkpoint that could vote ({reasons})")

    def _require_voters(self) -> None:
        self.require_candidates()
        if self.rules.choose == "best" and len(self.voters) < self.rules.votes:
            voters = count(len(self.voters), "checkpoint")
            log.warning("the ensemble has only %s instead of %d", voters, self.rules.votes)
        for each in self.absent:
            if each.entry.stopped is not None:  # as was meant
                continue
            log.warning("run %s does not vote: %s", each.entry.name, each.reason)

    def _temperature(self) -> float:
        """Return by what the voters' mean log-probabilities are divided."""
        said = self.validated.said([candidate for candidate, _ in self.voters])
        said = np.repeat(said, [times for _, times in self.voters], axis=0)
        labels = self.validated.labels
        return fit_temperature(mean_log(said), labels, np.ones(len(labels)))

    def said_of(self, target: str) -> npt.NDArray[np.float32]:
        """Return what the voters say of the test, or of what was held out.

        Returns:
            float32 [votes, clips, classes]; who votes twice is there twice.

        Raises:
            DamagedFileError: predictions are damaged; they are set aside, to be made again.
            FileNotFoundError: there are none.
        """
        stacked = []
        for voter, times in self.voters:
            of_folds = [_predictions(member, target) for member in voter.members]
            stacked += [mean_of_folds(of_folds)] * times
        return np.stack(stacked)


def _predictions(member: Member, target: str) -> npt.NDArray[np.float32]:
    path = member.run.predictions_of(target, member.checkpoint.epoch)
    try:
        return Predictions.load(path).probabilities
    except DamagedFileError as error:
        set_aside(path)
        raise DamagedFileError(
            f"{error}; it was set aside. Launch again: it is computed anew from the weights"
        ) from error


def hold_vote(
    results: Results, dataset: Dataset, entries: Sequence[Entry], rules: VoteRules, run: str = ""
) -> None:
    """Vote over all runs, or over one; one whose predictions turn out damaged is left out.

    Raises:
        NotReadyError: no run has a checkpoint.
    """
    # One pass more than there are runs: each damaged file that is found takes one run out.
    for _ in range(len(entries) + 1):
        try:
            Vote.among(dataset, entries, rules, run).hold(results)
        except DamagedFileError as error:
            log.warning("%s", error)
        else:
            return


def _identity(each: Candidate) -> tuple[object, ...]:
    """Return what a choice can depend on: of weights follows what they said."""
    weights = [member.checkpoint.weights_sha256 for member in each.members]
    scores = each.val_accuracy, each.val_loss
    return (each.entry.position, each.entry.signature, each.epoch, *scores, *weights)


def _title(candidate: Candidate, times: int) -> str:
    return f"{candidate.title} x{times}" if times > 1 else candidate.title


def _voter(candidate: Candidate, times: int) -> Voter:
    return Voter(
        run=candidate.entry.name,
        epoch=candidate.epoch,
        val_accuracy=candidate.val_accuracy,
        val_loss=candidate.val_loss,
        times=times,
        checkpoints=tuple(
            VotingCheckpoint(
                signature=member.signature,
                epoch=member.checkpoint.epoch,
                predictions=sha256_of(member.test_predictions),
            )
            for member in candidate.members
        ),
    )


def _absent(each: AbsentEntry) -> AbsentVoter:
    entry, reason = each.entry, each.reason
    stopped = entry.stopped is not None
    return AbsentVoter(run=entry.name, signature=entry.signature, reason=reason, stopped=stopped)
