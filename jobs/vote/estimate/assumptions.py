"""What an estimate takes for granted, in sentences."""

from collections.abc import Mapping

from jobs.train.config import RunConfig
from jobs.vote.candidates import Candidate
from jobs.vote.vote import Vote

# What training itself takes from validation clips, by the setting that does so.
LOOKS_AT_VALIDATION: Mapping[str, str] = {
    "plateau": "the plateau schedule used the validation clips, which resampling cannot undo",
    "early_stopping": "early stopping used the validation clips, which resampling cannot undo",
}

HALVING = (
    "not corrected for halving, which chose runs on the same validation clips: in simulations this "
    "adds up to 0.6 points; the score on a `holdout` is not affected"
)

NO_CHANGED_COPIES = (
    "no clip is a changed copy or an overlapping cut of another one: the features of this grid do "
    "not show them"
)


def assumptions(vote: Vote, copies_compared: bool = True) -> list[str]:
    """Return them all.

    Args:
        vote: by the rule of the grid.
        copies_compared: whether copies that are not byte for byte were looked for.
    """
    found = ["the test is like the labelled clips"]
    if not copies_compared:
        found.append(NO_CHANGED_COPIES)
    groups = {clip.group for clip in vote.dataset.labelled.clips} - {None}
    test = vote.dataset.test.clips
    if groups and test and all(clip.group is None for clip in test):
        found.append("the test clips come from new groups, as large as those of training")
    if any(len(each.members) > 1 for each in vote.candidates):
        found.append(
            "single fold models are scored; submission.csv is of the mean of all folds, which is "
            "usually a few points better"
        )
    seen = {name for each in vote.candidates for name in _looks_at_validation(each)}
    found += [sentence for name, sentence in LOOKS_AT_VALIDATION.items() if name in seen]
    if any(each.entry.stopped is not None for each in vote.absent):
        found.append(HALVING)
    return found


def _looks_at_validation(candidate: Candidate) -> set[str]:
    settings = RunConfig.load(candidate.entry.runs[0].config)
    names = {"plateau"} if settings.settings().get("schedule") == "plateau" else set()
    return names | ({"early_stopping"} & set(settings.parts))
