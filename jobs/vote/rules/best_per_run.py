"""Choose the best checkpoints, but few of one run: what votes should differ."""

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jobs.vote.ranking import Ranking
    from jobs.vote.rules import VoteRules


def best_per_run(ranking: "Ranking", rules: "VoteRules") -> list[int]:
    """Return the `votes` best candidates of which at most `per_run` are of the same run."""
    taken: Counter[int] = Counter()
    chosen: list[int] = []
    for position, run in enumerate(ranking.runs.tolist()):
        if len(chosen) < rules.votes and taken[run] < rules.per_run:
            taken[run] += 1
            chosen.append(position)
    return chosen
