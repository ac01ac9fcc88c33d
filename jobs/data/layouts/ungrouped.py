"""Groups that some clips have and others lack: most often a cell or a column was forgotten."""

from collections.abc import Sequence

from jobs.data.manifest import Clip
from jobs.words import are, count

# Said before a launch, and again beside its estimate.
ONLY_TEST_GROUPED = (
    "the test clips have groups and the labelled ones have none: if those come in groups too, "
    "clips of one group are on both sides of the split"
)


def only_test_is_grouped(labelled: Sequence[Clip], test: Sequence[Clip]) -> bool:
    """Whether groups are known of test clips alone."""
    return not _grouped(labelled) and _grouped(test)


def _grouped(clips: Sequence[Clip]) -> bool:
    return any(clip.group is not None for clip in clips)


def notes_on_groups(labelled: Sequence[Clip], test: Sequence[Clip]) -> list[str]:
    """Return what to say of clips without a group where others have one."""
    if only_test_is_grouped(labelled, test):
        return [ONLY_TEST_GROUPED]
    if not _grouped(labelled):
        return []
    notes = []
    without = sum(clip.group is None for clip in labelled)
    if without:
        notes.append(
            f"{count(without, 'labelled clip')} of {len(labelled)} {are(without)} without a group: "
            "each is a group of its own"
        )
    if test and not _grouped(test):
        notes.append(
            "the labelled clips have groups and the test clips have none: the estimate takes these "
            "to be of new groups; if they are of the same ones, say so in test.csv"
        )
    return notes
