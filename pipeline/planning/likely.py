"""How long runs will most likely train, from earlier runs of the same net on the same features."""

import contextlib
import statistics
from collections import defaultdict
from collections.abc import Hashable
from pathlib import Path

from jobs.data.dataset import Dataset
from jobs.data.workspace import Workspace
from jobs.errors import DamagedFileError
from jobs.train.config import RunConfig
from jobs.train.history import History
from jobs.train.recipe import Training
from jobs.train.run import Run
from pipeline.planning.canary import canary_workspace


class EpochTimes:
    """Seconds that an epoch takes for each clip, by net, features and batch size.

    Args:
        workspace: the output folder whose runs are looked at, and then those of its canary.
        clips: how many labelled clips the output has.
    """

    def __init__(self, workspace: Workspace, clips: int) -> None:
        self._clips = clips
        canary = canary_workspace(workspace.root)
        self._seconds = _of_runs(canary.runs, _clips_of(canary)) | _of_runs(workspace.runs, clips)

    def of(self, config: RunConfig) -> float | None:
        """Return how many seconds a whole run most likely takes; None if nothing like it ran."""
        a_clip = self._seconds.get(_key(config))
        return None if a_clip is None else a_clip * self._clips * config.epochs


def _clips_of(workspace: Workspace) -> int:
    """Return how many labelled clips an output has."""
    with contextlib.suppress(DamagedFileError, OSError):
        return len(Dataset.load(workspace.manifest, Path()).labelled) or 1
    return 1  # it has no runs either


def _of_runs(folder: Path, clips: int) -> dict[Hashable, float]:
    seconds: dict[Hashable, list[float]] = defaultdict(list)
    for each in folder.iterdir() if folder.is_dir() else ():
        run = Run(each)
        with contextlib.suppress(DamagedFileError, OSError):  # it only tells less
            rows = History.load(run.history).rows
            # The first epoch also loads the data and tunes kernels.
            later = [row.seconds for row in rows[1:]] or [row.seconds for row in rows]
            if later:
                key = _key(RunConfig.load(run.config))
                seconds[key].append(statistics.median(later) / clips)
    return {key: statistics.median(found) for key, found in seconds.items()}


def _key(config: RunConfig) -> Hashable:
    training = config.part(Training)
    return (config.model, config.features, training.batch_size if training else None)
