"""A file for HDF5 to write to, which survives a full disk."""

from pathlib import Path
from typing import Any


class DeferredErrors:
    """A writable file that remembers the first error of a write instead of raising it.

    HDF5 cannot close a file whose last writes failed: it keeps it open, tries once more when the
    process ends, and crashes there, so that a task on a full disk would die without a word. So
    writes seem to succeed here, HDF5 closes in peace, and `check` raises what went wrong.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("w+b", buffering=0)
        self.error: OSError | None = None

    def check(self) -> None:
        """Raise the first error of a write.

        Raises:
            OSError: for instance, no space left on device.
        """
        if self.error is not None:
            raise self.error

    def write(self, data: Any) -> int:
        view = memoryview(data).cast("B")
        written = 0
        try:
            while self.error is None and written < len(view):
                written += self._file.write(view[written:])
        except OSError as error:
            self.error = error
        return len(view)

    def truncate(self, size: int | None = None) -> int:
        try:
            return self._file.truncate(size)
        except OSError as error:
            self.error = self.error or error
            return size or 0

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        # What could not be written reads as zeros; the file is thrown away anyhow.
        return data if self.error is None or size < 0 else data.ljust(size, b"\0")

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        view[:] = self.read(len(view)).ljust(len(view), b"\0")
        return len(view)

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def flush(self) -> None:
        return

    def close(self) -> None:
        self._file.close()
