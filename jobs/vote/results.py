"""votes.csv and submission.csv: who voted for what, and who won."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from jobs.data.dataset import Dataset
from jobs.data.workspace import Results
from jobs.files import write_csv
from jobs.predict.predictions import SUBMISSION_HEADER
from jobs.vote.calibration import Reals, calibrated
from jobs.vote.tally import NOBODY, Tally


@dataclass(frozen=True)
class Counted:
    """A vote over the test clips.

    Attributes:
        tally: its outcome; who votes several times has several rows there, one behind the other.
        titles: of the voters.
        times: how often each votes.
        logs: float64 [clips, classes], the mean of the votes' log-probabilities.
        temperature: by which these are divided.
    """

    tally: Tally
    titles: Sequence[str]
    times: Sequence[int]
    logs: Reals
    temperature: float

    @property
    def confidence(self) -> list[str]:
        """How sure it is of each winner, calibrated; "" where nobody voted."""
        winners = self.tally.winners
        readable = winners != NOBODY
        sure = calibrated(np.where(readable[:, None], self.logs, 0.0), self.temperature)
        own = sure[np.arange(len(winners)), np.maximum(winners, 0)]
        return [f"{p:.9f}" if r else "" for p, r in zip(own, readable, strict=True)]


def write_results(results: Results, dataset: Dataset, counted: Counted) -> tuple[str, ...]:
    """Write votes.csv and submission.csv; return the ids of clips that nobody could read.

    votes.csv has for each clip the winner, its share of the votes, each voter's label, the voters'
    mean probability of each class, and the calibrated one of the winner.
    """
    tally, ids = counted.tally, dataset.test.ids
    classes = dict(enumerate(dataset.classes))
    winners = [classes.get(index, dataset.majority_class) for index in tally.winners.tolist()]
    first = np.cumsum([0, *counted.times[:-1]])  # one of the equal rows of each voter
    labels = [[classes.get(index, "") for index in row] for row in tally.votes[first].tolist()]
    agreement = [f"{share:.3f}" for share in tally.agreement]
    means = [[f"{p:.9f}" if np.isfinite(p) else "" for p in row] for row in tally.mean.T]
    of_classes = [f"p_{label}" for label in dataset.classes]
    header = ("id", "category", "agreement", *counted.titles, *of_classes, "confidence")
    rows = zip(ids, winners, agreement, *labels, *means, counted.confidence, strict=True)
    write_csv(results.votes, header, rows)
    write_csv(results.submission, SUBMISSION_HEADER, zip(ids, winners, strict=True))
    return tuple(id_ for id_, w in zip(ids, tally.winners, strict=True) if w == NOBODY)
