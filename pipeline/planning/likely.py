"""How long runs will most likely train, from earlier runs of the same net on the same features."""

import contextlib
import statistics
from collections import defaultdict
from collections.abc import Hashable

from jobs.data.workspace import Workspace
from jobs.errors import DamagedFileError
from jobs.train.config import RunConfig
from jobs.train.history import History
from jobs.train.recipe import Training
from jobs.train.run import Run


class EpochTimes:
    """Seconds an epoch takes, by net, features and batch size.

    Args:
        workspace: the output folder whose runs are looked at.
    """

    def __init__(self, workspace: Workspace) -> None:
        seconds: dict[Hashable, list[float]] = defaultdict(list)
        folders = workspace.runs.iterdir() if workspace.runs.is_dir() else ()
        for folder in folders:
            run = Run(folder)
            with contextlib.suppress(DamagedFileError, OSError):  # it only tells less
                rows = History.load(run.history).rows
                # The first epoch also loads the data and tunes kernels.
                later = [row.seconds for row in rows[1:]] or [row.seconds for row in rows]
                if later:
                    seconds[_key(RunConfig.load(run.config))].append(statistics.median(later))
        self._seconds = {key: statistics.median(found) for key, found in seconds.items()}

    def of(self, config: RunConfig) -> float | None:
        """Return how many seconds a whole run most likely takes; None if nothing like it ran."""
        an_epoch = self._seconds.get(_key(config))
        return None if an_epoch is None else an_epoch * config.epochs


def _key(config: RunConfig) -> Hashable:
    training = config.part(Training)
    return (config.model, config.features, training.batch_size if training else None)
