"""What an output folder holds that no present plan needs any more; never a result."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from jobs.data.workspace import Workspace
from jobs.vote.ensemble import Ensemble
from pipeline.planning.plan import OpenedPlan
from pipeline.stages.graph import remaining

# What submitit and Slurm write of one job: pickles, the batch script, both streams.
OF_JOBS = ("*.pkl", "*.sh", "*_log.out", "*_log.err")


@dataclass(frozen=True)
class Leftover:
    """Files that may go.

    Attributes:
        path: a file or a folder.
        why: nobody needs it.
        files: how many there are.
        bytes: what they take.
    """

    path: Path
    why: str
    files: int
    bytes: int

    @classmethod
    def of(cls, path: Path, why: str) -> "Leftover":
        """Measure a file or a folder; links are counted and not followed."""
        below = [path] if not path.is_dir() else [p for p in path.rglob("*") if not p.is_dir()]
        return cls(path, why, len(below), sum(each.lstat().st_size for each in below))


def leftovers(opened: OpenedPlan) -> Iterator[Leftover]:
    """Yield what may go: features and runs that the plan does not name, and logs of what is done.

    Logs stay as long as anything is left to do: they say why.
    """
    workspace = opened.workspace
    named = set(opened.plan.feature_folders)
    for kind in opened.plan.features:
        yield from _features_without_plan(opened, kind.features, named)
    signatures = {run.signature for run in opened.plan.runs} | _voters(workspace)
    for folder in sorted(workspace.runs.iterdir()) if workspace.runs.is_dir() else ():
        if folder.name not in signatures and (folder / "config.json").is_file():
            yield Leftover.of(folder, "a run that the present plan does not name")
    if any(work.items for work in remaining(opened)):
        return
    yield from _states_of_stopped(opened)
    if not workspace.jobs.is_dir():
        return
    for pattern in OF_JOBS:
        for path in sorted(workspace.jobs.glob(pattern)):
            yield Leftover.of(path, "of a job whose stage is done")


def _states_of_stopped(opened: OpenedPlan) -> Iterator[Leftover]:
    """Yield what runs would go on from that stopped at a rung."""
    for number, planned in enumerate(opened.plan.runs):
        if opened.ladder.stopped_at(planned.entry) is not None:
            for path in opened.run(number).states():
                yield Leftover.of(path, "the state of a run that stopped at a rung")


def _voters(workspace: Workspace) -> set[str]:
    """Return the runs that the present submission.csv stands on, whatever plan named them."""
    ensemble = Ensemble.load(workspace.ensemble)
    voters = ensemble.voters if ensemble else ()
    return {checkpoint.signature for voter in voters for checkpoint in voter.checkpoints}


def _features_without_plan(opened: OpenedPlan, kind: str, named: set[str]) -> Iterator[Leftover]:
    for folder in sorted(opened.workspace.features.glob(f"{kind}-*")):
        if folder.is_dir() and folder.name not in named:
            yield Leftover.of(folder, "features that the present plan does not name")
