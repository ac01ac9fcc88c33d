"""Choose the best checkpoints of all runs: the report's rule."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jobs.vote.candidates import Candidate


def best(candidates: "Sequence[Candidate]", votes: int) -> "list[Candidate]":
    """Return the `votes` best of the candidates, which come best first.

    They may all be epochs of one run.
    """
    return list(candidates[:votes])
