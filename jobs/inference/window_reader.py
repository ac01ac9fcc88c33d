"""Features of windows, made by a process of its own: a bad recording may crash it, and no more."""

import multiprocessing
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

import numpy as np

from jobs.extract.audio.decode import DecodeError, Floats
from jobs.extract.config import FeatureConfig

# As many as a model predicts at once.
AT_ONCE = 64
# Of decoding so many windows.
LONGEST_WAIT_S = 300.0


@dataclass(frozen=True)
class Windows:
    """Some windows of one recording.

    Attributes:
        starts, ends: in seconds.
        features: of each feature set float32 [windows, *shape].
    """

    starts: tuple[float, ...]
    ends: tuple[float, ...]
    features: tuple[Floats, ...]


class UnreadableError(Exception):
    """Why a recording cannot be read, or not any further."""


class WindowReader:
    """Reads one recording after the other; use it as a context manager.

    Args:
        configs: feature sets of one sample rate and length.
        hop: seconds between windows.
    """

    def __init__(self, configs: Sequence[FeatureConfig], hop: float) -> None:
        self.configs, self.hop = tuple(configs), hop
        self._process: BaseProcess | None = None
        self._connection: Connection | None = None

    def __enter__(self) -> "WindowReader":
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def windows(self, path: Path) -> Iterator[Windows]:
        """Yield all windows of a recording, some at a time.

        Raises:
            UnreadableError: it cannot be read from here on.
            OSError: it cannot be read now.
        """
        connection = self._started()
        connection.send(path)
        while True:
            try:
                if not connection.poll(LONGEST_WAIT_S):
                    raise EOFError
                said = connection.recv()
            except (EOFError, OSError):
                self._end()
                raise UnreadableError("the decoder crashed or hung") from None
            if said is None:
                return
            if isinstance(said, str):
                raise UnreadableError(said)
            if isinstance(said, OSError):
                raise said
            yield said

    def _started(self) -> Connection:
        if self._connection is None:
            # Not a fork: threads of torch would not survive it.
            context = multiprocessing.get_context("spawn")
            self._connection, theirs = context.Pipe()
            arguments = (theirs, multiprocessing.current_process().pid, self.configs, self.hop)
            self._process = context.Process(target=_serve, args=arguments, daemon=True)
            self._process.start()
            theirs.close()
        return self._connection

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.join()
        if self._connection is not None:
            self._connection.close()
        self._process = self._connection = None


def _serve(
    connection: Connection, parent: int, configs: Sequence[FeatureConfig], hop: float
) -> None:
    from jobs.extract.workers.worker import die_with

    die_with(parent)
    while True:
        try:
            path = connection.recv()
        except EOFError:
            return
        try:
            for some in _featured(path, configs, hop):
                connection.send(some)
            connection.send(None)
        except (DecodeError, PermissionError, IsADirectoryError) as error:
            connection.send(str(error))
        except OSError as error:  # a mount that is gone, a stale handle: no word on the recording
            connection.send(error)


def _featured(path: Path, configs: Sequence[FeatureConfig], hop: float) -> Iterator[Windows]:
    from jobs.extract.audio.windows import windows_of
    from jobs.extract.features.analysis import ClipAnalysis

    windows = windows_of(path, configs[0], hop)
    while some := list(islice(windows, AT_ONCE)):
        analyses = [ClipAnalysis(window.samples) for window in some]
        yield Windows(
            tuple(window.start for window in some),
            tuple(window.end for window in some),
            tuple(np.stack([each.features(config) for each in analyses]) for config in configs),
        )
