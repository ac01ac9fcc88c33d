"""What candidates said of the validation clips, put together over runs."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from jobs.errors import DamagedFileError
from jobs.train.run import Run
from jobs.train.validation import ValidationPredictions
from jobs.vote.candidates import Candidate
from jobs.vote.ranking import Probabilities, Ranking

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Validated:
    """The validation clips of some runs, and where each run has them.

    A run lacks the row of a clip that could not be read for its features, and all rows if its file
    is damaged: it may vote all the same, as it was ranked by what its checkpoints know themselves.

    Attributes:
        ids: of the clips that any run validated on.
        labels: int64 [clips].
        files: the validation predictions of each run, by its signature.
        rows: the position in `ids` of each row of a run's file.
    """

    ids: tuple[str, ...]
    labels: npt.NDArray[np.int64]
    files: dict[str, ValidationPredictions]
    rows: dict[str, npt.NDArray[np.int64]]

    @classmethod
    def of(cls, runs: Iterable[Run]) -> "Validated":
        """Open the predictions of runs."""
        files = {}
        for run in runs:
            try:
                files[run.folder.name] = ValidationPredictions.load(run.validation)
            except (DamagedFileError, FileNotFoundError) as error:
                log.warning("validation predictions cannot be used: %s", error)
        labels: dict[str, int] = {}
        for file in files.values():
            labels |= zip(file.ids, file.labels.tolist(), strict=True)
        position = {id_: number for number, id_ in enumerate(labels)}
        rows = {name: np.array([position[i] for i in f.ids], int) for name, f in files.items()}
        return cls(tuple(labels), np.array(list(labels.values()), np.int64), files, rows)

    def said(self, candidates: Sequence[Candidate]) -> Probabilities:
        """Return float32 [candidates, clips, classes]; NaN where one has not seen a clip.

        With folds, each clip's row is what the model says that was not trained on it.
        """
        classes = len(next(iter(self.files.values())).classes) if self.files else 0
        shape = len(candidates), len(self.ids), classes
        found = np.full(shape, np.nan, dtype=np.float32)
        for row, candidate in zip(found, candidates, strict=True):
            for member in candidate.members:
                name, epoch = member.signature, member.checkpoint.epoch
                if name not in self.files:
                    continue
                try:
                    row[self.rows[name]] = self.files[name].of_epoch(epoch)
                except DamagedFileError as error:
                    log.warning("validation predictions cannot be used: %s", error)
        return found

    def ranking(self, candidates: Sequence[Candidate]) -> Ranking:
        """Return what a rule chooses from; each clip counts once.

        Args:
            candidates: best first, of the runs that were opened.
        """
        runs = np.array([candidate.entry.position for candidate in candidates], np.int64)
        weights = np.ones(len(self.ids))
        return Ranking(runs, self.labels, weights, lambda n: self.said(candidates[:n]))
