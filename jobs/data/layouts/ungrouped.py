"""Groups that some clips have and others lack: most often a cell or a column was forgotten."""

from collections.abc import Sequence

from jobs.data.manifest import Clip
from jobs.words import are, count


def notes_on_groups(labelled: Sequence[Clip], test: Sequence[Clip]) -> list[str]:
    """Return what to say of clips without a group where others have one."""
    without = sum(clip.group is None for clip in labelled)
    if without == len(labelled):
        if any(clip.group is not None for clip in test):
            return ["the test clips have groups and the labelled ones have none: if those come in "
                    "groups too, clips of one group are on both sides of the split"]  # fmt: skip
        return []
    notes = []
    if without:
        notes.append(
            f"{count(without, 'labelled clip')} of {len(labelled)} {are(without)} without a group: "
            "each is a group of its own"
        )
    if test and all(clip.group is None for clip in test):
        notes.append(
            "the labelled clips have groups and the test clips have none: the estimate takes these "
            "to be of new groups; if they are of the same ones, say so in test.csv"
        )
    return notes
