"""The result by the rule that a grid had before: it is kept, and it was seen."""

from pathlib import Path

from jobs.data.workspace import Results
from jobs.files import write_bytes
from jobs.vote.ensemble import Ensemble
from jobs.vote.vote import Vote


def keep_other_rule(results: Results, vote: Vote, others: Path) -> None:
    """Copy a result that another rule made of the same candidates to where such results lie.

    So it is not lost, and who chooses between the two is told what that is worth: the estimate
    counts it like one that was voted on request.

    Args:
        results: about to be overwritten.
        vote: that will do so.
        others: folder of the results by other rules.
    """
    former = Ensemble.load(results.ensemble)
    if former is None or former.inputs.rules == vote.rules:
        return
    like_this = vote.inputs.model_copy(update={"rules": former.inputs.rules})
    if not former.is_of(like_this, results.folder):
        return
    kept = Results(others / former.inputs.rules.name)
    kept.folder.mkdir(parents=True, exist_ok=True)
    for name in former.results:
        write_bytes(kept.folder / name, (results.folder / name).read_bytes())
    former.save(kept.ensemble)  # last: it says that the others are complete
