"""What speaks against an estimate: each warning is one function, one sentence, its evidence."""

from jobs.vote.estimate.artefact import Warned
from jobs.vote.estimate.warned import of_clips, of_groups, of_scores
from jobs.vote.estimate.warned.seen import Seen

CHECKS = (*of_clips.CHECKS, *of_groups.CHECKS, *of_scores.CHECKS)


def warnings_of(seen: Seen) -> tuple[Warned, ...]:
    """Return all warnings, the gravest first."""
    return tuple(warned for check in CHECKS for warned in check(seen))
