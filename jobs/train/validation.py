"""What a run says of its validation clips after every epoch: one file that only grows.

A line of JSON names the clips; then each epoch has one record of fixed size, the probabilities and
a checksum of them. Within each saved state they would be written anew every epoch, which over a run
grows with the square of its epochs. A record is on disk before the state that counts it is.
"""

import contextlib
import json
import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt

from jobs.errors import DamagedFileError
from jobs.files import in_words, write_bytes
from jobs.ownership import require_ownership

Probabilities = npt.NDArray[np.float32]
CHECKSUM_BYTES = 4


@dataclass(frozen=True)
class ValidationPredictions:
    """Probabilities of the same clips, epoch by epoch.

    Attributes:
        path: of the file.
        ids: of the clips.
        labels: int64 [clips], their class indices.
        classes: labels by class index.
    """

    path: Path
    ids: tuple[str, ...]
    labels: npt.NDArray[np.int64]
    classes: tuple[str, ...]

    @classmethod
    def load(cls, path: Path) -> "ValidationPredictions":
        """Open what was written, without its records.

        Raises:
            DamagedFileError: the file is not one of ours.
            FileNotFoundError: there is none.
        """
        with path.open("rb") as file:
            first = file.readline()
        try:
            found = json.loads(first)
            labels = np.array([int(k) for k in found["labels"]], dtype=np.int64)
            opened = cls(path, tuple(found["ids"]), labels, tuple(found["classes"]))
            if opened._header != first:
                raise ValueError("another header")
        except (KeyError, TypeError, ValueError) as error:
            raise DamagedFileError(f"{path} is damaged: {error!r}") from error
        return opened

    @property
    def _header(self) -> bytes:
        named = {"ids": self.ids, "labels": self.labels.tolist(), "classes": self.classes}
        named |= {"record": f"float32 [{len(self.ids)}, {len(self.classes)}], then its CRC-32"}
        return json.dumps(named).encode("ascii") + b"\n"

    @property
    def _record_bytes(self) -> int:
        return 4 * len(self.ids) * len(self.classes) + CHECKSUM_BYTES

    def _offset(self, epoch: int) -> int:
        return len(self._header) + (epoch - 1) * self._record_bytes

    def epochs(self) -> int:
        """Return how many epochs from the first on can be read; 0 if these clips have no file."""
        try:
            with self.path.open("rb") as file:
                if file.read(len(self._header)) != self._header:
                    return 0
                epochs = 0
                while self._checked(file.read(self._record_bytes), epochs + 1) is not None:
                    epochs += 1
                return epochs
        except FileNotFoundError:
            return 0

    def of_epoch(self, epoch: int) -> Probabilities:
        """Return float32 [clips, classes].

        Raises:
            DamagedFileError: there is no such record, or its checksum does not fit.
        """
        with self.path.open("rb") as file:
            file.seek(self._offset(epoch))
            found = self._checked(file.read(self._record_bytes), epoch)
        if found is None:
            raise DamagedFileError(f"{self.path} is damaged: epoch {epoch} cannot be read")
        return found

    def _checked(self, record: bytes, epoch: int) -> Probabilities | None:
        """Return what a record holds, or None if it is cut, changed, or another epoch's."""
        if len(record) != self._record_bytes:
            return None
        values, checksum = record[:-CHECKSUM_BYTES], record[-CHECKSUM_BYTES:]
        if checksum != _checksum(values, epoch):
            return None
        shape = len(self.ids), len(self.classes)
        return np.frombuffer(values, dtype="<f4").reshape(shape).astype(np.float32)

    def keep(self, epochs: int) -> None:
        """Drop what was written of later epochs; with 0, begin the file."""
        if epochs == 0:
            write_bytes(self.path, self._header)
            return
        with self._writing() as file:
            file.truncate(self._offset(epochs + 1))

    def append(self, epoch: int, probabilities: Probabilities) -> None:
        """Write an epoch's record behind those before it; it is on disk when this returns."""
        expected = len(self.ids), len(self.classes)
        if probabilities.shape != expected:
            raise ValueError(f"expected probabilities {expected}; got {probabilities.shape}")
        values = np.ascontiguousarray(probabilities, dtype="<f4").tobytes()
        with self._writing() as file:
            file.seek(self._offset(epoch))
            file.write(values + _checksum(values, epoch))
            file.truncate()

    @contextlib.contextmanager
    def _writing(self) -> Iterator[IO[bytes]]:
        require_ownership()
        try:
            with self.path.open("r+b") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise in_words(error, self.path) from error


def _checksum(values: bytes, epoch: int) -> bytes:
    # The epoch is in it, so that a record in another's position is noticed.
    return zlib.crc32(values, epoch).to_bytes(CHECKSUM_BYTES, "little")
