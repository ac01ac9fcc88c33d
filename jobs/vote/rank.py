"""All checkpoints of all runs, best first."""

from collections.abc import Sequence
from dataclasses import dataclass

from jobs.errors import DamagedFileError
from jobs.train.checkpoint import Checkpoint
from jobs.train.run import Run


@dataclass(frozen=True)
class Contender:
    """A run that may vote: its folder, the name that the grid gave it, its position there."""

    run: Run
    name: str
    position: int

    @property
    def signature(self) -> str:
        return self.run.folder.name


@dataclass(frozen=True)
class Ranked:
    """One checkpoint of one run."""

    contender: Contender
    checkpoint: Checkpoint

    @property
    def rank(self) -> tuple[float, float, int, int]:
        """Smaller is better: val accuracy, then val loss, then grid position, then epoch."""
        c = self.checkpoint
        return (-c.val_accuracy, c.val_loss, self.contender.position, c.epoch)

    @property
    def title(self) -> str:
        return f"{self.contender.name} epoch {self.checkpoint.epoch}"


@dataclass(frozen=True)
class Missing:
    """A run that cannot vote, and why."""

    contender: Contender
    reason: str


def rank_checkpoints(
    contenders: Sequence[Contender], test_fingerprint: str, has_test: bool
) -> tuple[list[Ranked], list[Missing]]:
    """Return the checkpoints of all complete runs, best first, and the runs that are missing.

    Only the readable file beside each checkpoint is opened.
    """
    ranked: list[Ranked] = []
    missing: list[Missing] = []
    for contender in contenders:
        reason = _why_missing(contender.run, test_fingerprint, has_test)
        if reason:
            missing.append(Missing(contender, reason))
            continue
        try:
            epochs = contender.run.epochs_kept()
            ranked += [Ranked(contender, Checkpoint.load(contender.run, e)) for e in epochs]
        except DamagedFileError as error:
            missing.append(Missing(contender, str(error)))
    return sorted(ranked, key=lambda r: r.rank), missing


def _why_missing(run: Run, test_fingerprint: str, has_test: bool) -> str | None:
    if not run.folder.exists():
        return "it never started"
    if not run.is_trained():
        return "it did not train to its end"
    if not run.is_complete(test_fingerprint, has_test):
        return "it has no predictions of the present test clips"
    if not run.epochs_kept():
        outcome = run.outcome() or {}
        return f"it has no checkpoint: {outcome.get('reason', 'unknown reason')}"
    return None
