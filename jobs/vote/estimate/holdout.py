"""The score on clips that were held out, and how many results have been scored on them.

Nothing was chosen by these clips, so their score needs no correction, as long as nobody looks at it
and tries again: from the second result on it has been chosen by, too.
"""

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from jobs.errors import DamagedFileError
from jobs.predict.target import Target
from jobs.schema import fingerprint
from jobs.vote.estimate.groups import group_numbers
from jobs.vote.estimate.interval import Sample, intraclass_correlation, prediction_interval
from jobs.vote.estimate.scored import Scored
from jobs.vote.estimate.scores import HoldoutScore
from jobs.vote.estimate.selection import macro_f1
from jobs.vote.tally import NOBODY, count_votes
from jobs.vote.vote import Vote

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Holdout:
    """Clips held out, and the file that remembers what was scored on them."""

    target: Target
    scored: Path


def score_holdout(vote: Vote, holdout: Holdout, test: Sample) -> HoldoutScore | None:
    """Score the voters on the clips that were held out, and remember that they were.

    Args:
        vote: by the rule of the grid.
        holdout: the clips.
        test: for which the interval is.

    Returns:
        None if predictions of them are missing.
    """
    try:
        said = vote.said_of(holdout.target.name)
    except (FileNotFoundError, DamagedFileError) as error:
        log.warning("the holdout is not scored: %s", error)
        return None
    labels = np.array(vote.dataset.labels(holdout.target.positions), np.int64)
    tally = count_votes(said, vote.rules.combine)
    # As in a submission: a clip that nobody could read gets the largest class.
    otherwise = vote.dataset.class_index[vote.dataset.majority_class]
    winners = np.where(tally.winners == NOBODY, otherwise, tally.winners)
    right = (winners == labels).astype(np.float64)
    groups = group_numbers(vote.dataset, holdout.target.clips.ids)
    sample = Sample.of(groups)
    accuracy = float(right.mean())
    low, high = prediction_interval(accuracy, sample, test, intraclass_correlation(right, groups))
    scored = Scored.load(holdout.scored).and_by(holdout.target.clips, _identity(vote))
    scored.save(holdout.scored)
    return HoldoutScore(
        clips=sample.clips,
        groups=len(sample.sizes),
        accuracy=round(accuracy, 6),
        low=round(low, 6),
        high=round(high, 6),
        macro_f1=round(macro_f1(labels, winners), 6),
        results_scored=scored.on(holdout.target.clips),
    )


def _identity(vote: Vote) -> str:
    """Return what tells one result from another: who votes, and how."""
    voters = [
        [times, *(member.checkpoint.weights_sha256 for member in candidate.members)]
        for candidate, times in vote.voters
    ]
    return fingerprint([vote.rules.combine, voters])
