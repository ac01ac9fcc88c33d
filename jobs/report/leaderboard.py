"""The entries of a grid, best first, and how they learned."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jobs.errors import DamagedFileError
from jobs.report.content import Curve, Entry
from jobs.train.history import History
from jobs.train.run import Run
from jobs.vote.candidates import Candidate

# A curve is drawn a few hundred pixels wide.
MOST_POINTS = 100


@dataclass(frozen=True)
class PlannedEntry:
    """What a plan knows of an entry.

    Attributes:
        name: as the grid has it.
        settings: those in which it differs from the defaults.
        epochs: planned.
        runs: one, or with folds one for each.
        stopped: at which rung, in words; None if it went on.
    """

    name: str
    settings: Mapping[str, Any]
    epochs: int
    runs: tuple[Run, ...]
    stopped: str | None = None


def leaderboard(
    planned: Sequence[PlannedEntry],
    candidates: Sequence[Candidate],
    voters: Sequence[tuple[Candidate, int]],
) -> list[Entry]:
    """Return the entries as they are ranked, those without a candidate last.

    Args:
        planned: in the order of the grid.
        candidates: best first.
        voters: who votes, and how often.
    """
    best: dict[int, Candidate] = {}
    for candidate in candidates:
        best.setdefault(candidate.entry.position, candidate)
    votes: dict[int, int] = {}
    for voter, times in voters:
        position = voter.entry.position
        votes[position] = votes.get(position, 0) + times
    ranked = [_entry(planned[p], best[p], votes.get(p, 0)) for p in best]
    rest = [_entry(each, None, 0) for p, each in enumerate(planned) if p not in best]
    # Those that came further first; without any score last.
    rest.sort(key=lambda e: (e.accuracy is None, -(e.epoch or 0), -(e.accuracy or 0)))
    return [*ranked, *rest]


def _entry(planned: PlannedEntry, best: Candidate | None, votes: int) -> Entry:
    accuracy, loss, epoch = _best_of_runs(planned.runs)
    if best is not None:
        accuracy, loss, epoch = best.val_accuracy, best.val_loss, best.epoch
    return Entry(
        name=planned.name,
        settings=dict(planned.settings),
        accuracy=accuracy,
        loss=loss,
        epoch=epoch,
        epochs=planned.epochs,
        state=_state(planned),
        votes=votes,
    )


def _best_of_runs(runs: Sequence[Run]) -> tuple[float | None, float | None, int | None]:
    """Return what a run that may not vote has come to: it stopped early, or is not finished."""
    outcomes = [outcome for run in runs if (outcome := run.outcome())]
    if len(runs) > 1 or not outcomes:
        return None, None, None
    return outcomes[0].val_accuracy, outcomes[0].val_loss, outcomes[0].best_epoch


def _state(planned: PlannedEntry) -> str:
    """Return how training ended, in words."""
    if planned.stopped is not None:
        return planned.stopped
    outcomes = [run.outcome() for run in planned.runs]
    reasons = [each.reason if each else "not trained to its end" for each in outcomes]
    odd = [reason for each, reason in zip(outcomes, reasons, strict=True) if not each]
    return (odd or list(dict.fromkeys(reasons)))[0]


def curves(planned: Sequence[PlannedEntry], voters: Sequence[tuple[Candidate, int]]) -> list[Curve]:
    """Return the learning curve of each run that has more than one epoch."""
    chosen = {
        (member.signature, member.checkpoint.epoch)
        for voter, _ in voters
        for member in voter.members
    }
    found = []
    for position, entry in enumerate(planned):
        for fold, run in enumerate(entry.runs, start=1):
            try:
                rows = History.load(run.history).rows
            except (DamagedFileError, OSError):
                continue
            if len(rows) < 2:
                continue
            kept = {epoch for signature, epoch in chosen if signature == run.folder.name}
            step = -(-len(rows) // MOST_POINTS)
            shown = [
                row
                for number, row in enumerate(rows)
                if number % step == 0 or row.epoch in kept or row is rows[-1]
            ]
            found.append(
                Curve(
                    name=f"{entry.name} fold {fold}" if len(entry.runs) > 1 else entry.name,
                    entry=position,
                    epochs=tuple(row.epoch for row in shown),
                    training=tuple(round(row.train_accuracy, 4) for row in shown),
                    validation=tuple(round(row.val_accuracy, 4) for row in shown),
                    chosen=tuple(sorted(kept)),
                )
            )
    return found
