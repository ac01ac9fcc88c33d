"""The ensemble on its validation clips: what it confuses, who adds what, how sure it may be."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from jobs.data.dataset import Dataset
from jobs.report.content import Bin, Class, Ensemble, VoterRow
from jobs.vote.calibration import calibrated, fit_temperature, mean_log
from jobs.vote.tally import NOBODY, Tally, count_votes
from jobs.vote.vote import Vote

BINS = 10
Numbers = npt.NDArray[np.int64]


class Judged:
    """What the voters said of the validation clips, counted.

    Attributes:
        ids, labels: of the clips.
        said: float32 [votes, clips, classes].
        times: how often each voter votes.
        tally: their vote.
    """

    def __init__(self, vote: Vote) -> None:
        self.vote = vote
        self.ids, self.labels = vote.validated.ids, vote.validated.labels
        once = vote.validated.said([candidate for candidate, _ in vote.voters])
        self.times = [times for _, times in vote.voters]
        self.said = np.repeat(once, self.times, axis=0)
        self.tally: Tally = count_votes(self.said, vote.rules.combine)

    @property
    def seen(self) -> npt.NDArray[np.bool_]:
        return self.tally.winners != NOBODY


def confusion(judged: Judged, classes: int) -> Numbers:
    """Return int64 [classes, classes]: clips of each class (rows) by what was said of them."""
    seen = judged.seen
    table = np.zeros((classes, classes), np.int64)
    np.add.at(table, (judged.labels[seen], judged.tally.winners[seen]), 1)
    return table


def classes_of(dataset: Dataset, table: Numbers | None) -> list[Class]:
    """Return a row a class; without a vote nothing is known of how it does."""
    found = []
    for index, (label, clips) in enumerate(dataset.class_counts.items()):
        support, precision, recall, f1 = 0, None, None, None
        if table is not None:
            right, said = int(table[index, index]), int(table[:, index].sum())
            support = int(table[index].sum())
            precision = _share(right, said)
            recall = _share(right, support)
            f1 = _share(2 * right, said + support)
        name = dataset.class_names.get(label, "")
        found.append(
            Class(
                label=label, name=name, clips=clips, support=support,
                precision=precision, recall=recall, f1=f1,
            )
        )  # fmt: skip
    return found


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 6) if whole else None


def ensemble_of(judged: Judged, table: Numbers) -> Ensemble:
    vote, seen = judged.vote, judged.seen
    return Ensemble(
        rule=vote.rules.name,
        clips=int(seen.sum()),
        accuracy=round(float(np.trace(table) / max(1, table.sum())), 6),
        confusion=tuple(tuple(row) for row in table.tolist()),
        voters=tuple(_voters(judged)),
        agreement=tuple(_agreement(judged)),
        bins=tuple(_bins(judged)),
    )


def _first_of_each(times: Sequence[int]) -> Numbers:
    """Return which votes are the first of their voter."""
    return np.cumsum([0, *times[:-1]])


def _voters(judged: Judged) -> list[VoterRow]:
    first, labels = _first_of_each(judged.times), judged.labels
    rows = []
    for number, (candidate, times) in enumerate(judged.vote.voters):
        votes = judged.tally.votes[first[number]]
        own = slice(first[number], first[number] + times)
        rest = np.delete(judged.said, own, axis=0)
        without = None
        if len(rest):
            without = _accuracy(count_votes(rest, judged.vote.rules.combine).winners, labels)
        rows.append(
            VoterRow(
                title=candidate.title,
                times=times,
                accuracy=_accuracy(votes, labels),
                without=without,
            )
        )
    return rows


def _accuracy(said: Numbers, labels: Numbers) -> float | None:
    """Return how often it is right; None if it said nothing."""
    there = said != NOBODY
    return round(float((said == labels)[there].mean()), 6) if there.any() else None


def _agreement(judged: Judged) -> list[tuple[float, ...]]:
    """Return of each two voters on which share of the clips they say the same."""
    votes = judged.tally.votes[_first_of_each(judged.times)]
    found = []
    for one in votes:
        shares = []
        for other in votes:
            both = (one != NOBODY) & (other != NOBODY)
            shares.append(round(float((one == other)[both].mean()), 4) if both.any() else 0.0)
        found.append(tuple(shares))
    return found


def _bins(judged: Judged) -> list[Bin]:
    """Return bins of about as many clips each, by the calibrated confidence of the winner."""
    logs = mean_log(judged.said)
    there = judged.seen & np.isfinite(logs).all(axis=1)
    logs, labels, winners = logs[there], judged.labels[there], judged.tally.winners[there]
    if not len(labels):
        return []
    temperature = fit_temperature(logs, labels, np.ones(len(labels)))
    sure = calibrated(logs, temperature)[np.arange(len(labels)), winners]
    order = np.argsort(sure, kind="stable")
    parts = np.array_split(order, min(BINS, max(1, len(order) // 5)))
    return [
        Bin(
            confidence=round(float(sure[part].mean()), 6),
            accuracy=round(float((winners == labels)[part].mean()), 6),
            clips=len(part),
        )
        for part in parts
    ]
