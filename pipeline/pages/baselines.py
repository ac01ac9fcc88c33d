"""What the nets of a grid gained over what needs no GPU, in a sentence."""

from collections.abc import Sequence

from jobs.models.net import Net
from jobs.vote.candidates import Candidate
from pipeline.planning.plan import OpenedPlan


def sentence(opened: OpenedPlan, candidates: Sequence[Candidate]) -> str | None:
    """Return the comparison of the best net with the best other model; None without both.

    Args:
        opened: the plan.
        candidates: of its runs, best first.
    """
    models = {run.entry: run.config.model for run in opened.plan.runs}
    nets = [each for each in candidates if isinstance(models[each.entry.position], Net)]
    others = [each for each in candidates if not isinstance(models[each.entry.position], Net)]
    if not nets or not others:
        return None
    net, other = nets[0], others[0]
    gain = net.val_accuracy - other.val_accuracy
    clips = len({clip for fold in opened.split.folds for clip in fold.validation})
    shown = (
        f"the best net ('{net.entry.name}', {net.val_accuracy:.1%}) and the best model without "
        f"epochs ('{other.entry.name}', {other.val_accuracy:.1%}) on {clips} validation clips: "
    )
    if gain <= 0:
        return f"{shown}the nets gained nothing"
    # Twice the standard error of a difference of two shares; on the same clips it is less.
    shares = (net.val_accuracy, other.val_accuracy)
    luck = 2 * (sum(share * (1 - share) for share in shares) / clips) ** 0.5
    points = f"the nets gained {100 * gain:.1f} points"
    return f"{shown}{points}{', which on so few clips may be luck' if gain < luck else ''}"
