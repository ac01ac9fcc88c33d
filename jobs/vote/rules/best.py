"""Choose the best checkpoints of all runs: the report's rule."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jobs.vote.ranking import Ranking
    from jobs.vote.rules import VoteRules


def best(ranking: "Ranking", rules: "VoteRules") -> list[int]:
    """Return the `votes` best of the candidates. They may all be epochs of one run."""
    return list(range(min(rules.votes, len(ranking.runs))))
