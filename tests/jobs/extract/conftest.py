"""Clips to extract, and a look at which of them were decoded."""

from collections.abc import Callable, Generator, Sequence
from pathlib import Path

import pytest

from jobs.data.dataset import Dataset
from jobs.data.manifest import Manifest
from jobs.extract import extraction
from jobs.extract.clip_features import ClipFeatures
from jobs.extract.workers.pool import WorkerPool
from jobs.extract.workers.request import WorkRequest


@pytest.fixture
def manifest(dataset: Dataset) -> Manifest:
    return dataset.labelled


@pytest.fixture
def worked_on(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Grows by the files that workers are asked to open: nobody else opens a recording."""
    seen: list[Path] = []

    class Recorded(WorkerPool):
        def records(self, requests: Sequence[WorkRequest]) -> Generator[ClipFeatures, None, None]:
            seen.extend(request.path for request in requests)
            yield from super().records(requests)

    monkeypatch.setattr(extraction, "WorkerPool", Recorded)
    return seen


@pytest.fixture
def clips(tmp_path: Path, write_mp3: Callable[..., Path]) -> Callable[..., list[Path]]:
    """Write clips that all differ, with these words in their names."""

    def write(*names: str) -> list[Path]:
        return [
            write_mp3(tmp_path / "clips" / f"{number:02}{name}.mp3", frequency=300 + 10 * number)
            for number, name in enumerate(names)
        ]

    return write
