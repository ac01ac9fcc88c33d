"""What one checkpoint says of some clips, and the file in which that is kept. Imports no torch."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from jobs.data.dataset import Dataset
from jobs.data.manifest import Manifest
from jobs.errors import DamagedFileError
from jobs.files import replacing, write_csv
from jobs.models.archive import arrays_from_file
from jobs.schema import Schema
from jobs.train.checkpoint import Checkpoint
from jobs.train.run import Run

Probabilities = npt.NDArray[np.float32]
SUBMISSION_HEADER = ("id", "category")


class Source(Schema):
    """Which weights predicted which clips.

    Attributes:
        run: signature of the run.
        epoch: of the checkpoint.
        weights: SHA-256 of its weights: a run that was trained again may have others.
        clips: fingerprint of the clips' manifest.
    """

    run: str
    epoch: int
    weights: str
    clips: str


def source_of(run: Run, checkpoint: Checkpoint, clips: Manifest) -> Source:
    """Return what predictions of these clips by this checkpoint have as their source."""
    weights = checkpoint.weights_sha256
    return Source(
        run=run.folder.name, epoch=checkpoint.epoch, weights=weights, clips=clips.fingerprint
    )


@dataclass(frozen=True)
class Predictions:
    """Class probabilities of some clips.

    Attributes:
        source: where they come from.
        ids: of the clips.
        sha256: of the clips' recordings.
        probabilities: float32 [clips, classes]; a row of NaN for a clip that cannot be read.
    """

    source: Source
    ids: tuple[str, ...]
    sha256: tuple[str, ...]
    probabilities: Probabilities

    def save(self, path: Path) -> None:
        """Write an .npz archive; the same predictions give the same bytes."""
        source = np.frombuffer(self.source.model_dump_json().encode(), dtype=np.uint8)
        with replacing(path) as temporary, temporary.open("wb") as file:
            np.savez(
                file,
                source=source,
                ids=np.array(self.ids, dtype=np.str_),
                sha256=np.array(self.sha256, dtype="S64"),
                probabilities=self.probabilities,
            )

    @classmethod
    def load(cls, path: Path) -> "Predictions":
        """Read what `save` wrote, its checksums verified.

        Raises:
            DamagedFileError: the file is cut or changed.
            FileNotFoundError: there is none.
        """
        arrays = arrays_from_file(path, ("source", "ids", "sha256", "probabilities"))
        return cls(
            source=_source(arrays["source"]),
            ids=tuple(arrays["ids"].tolist()),
            sha256=tuple(digest.decode() for digest in arrays["sha256"].tolist()),
            probabilities=arrays["probabilities"],
        )

    @classmethod
    def are_current(cls, path: Path, source: Source) -> bool:
        """Return whether the file holds predictions of just this source; reads no more of it."""
        try:
            return _source(arrays_from_file(path, ("source",))["source"]) == source
        except (FileNotFoundError, DamagedFileError):
            return False

    def by_recording(self) -> dict[str, Probabilities]:
        """Return the probabilities of each recording that could be read, by its SHA-256."""
        rows = zip(self.sha256, self.probabilities, self.readable, strict=True)
        return {sha256: row for sha256, row, has_row in rows if sha256 and has_row}

    @property
    def readable(self) -> npt.NDArray[np.bool_]:
        """Which clips could be read, bool [clips]."""
        return np.asarray(np.isfinite(self.probabilities).all(axis=1))

    def write_submission(self, path: Path, dataset: Dataset) -> None:
        """Write them as CSV in submission form; who cannot be read gets the majority class."""
        write_csv(path, SUBMISSION_HEADER, self._submission_rows(dataset))

    def _submission_rows(self, dataset: Dataset) -> Sequence[tuple[str, str]]:
        readable = self.readable
        best = np.where(readable[:, None], self.probabilities, 0).argmax(axis=1)
        classes, otherwise = dataset.classes, dataset.majority_class
        return [
            (id_, classes[index] if has_row else otherwise)
            for id_, index, has_row in zip(self.ids, best, readable, strict=True)
        ]


def _source(stored: npt.NDArray[np.uint8]) -> Source:
    return Source(**json.loads(stored.tobytes()))
