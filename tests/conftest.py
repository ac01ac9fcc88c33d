"""Fixtures that several folders share: made MP3 clips, real ones, a launch as a user runs it."""

import functools
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from jobs.data.dataset import Dataset
from jobs.data.layouts import read_data
from jobs.data.synthetic import MadeClips, write_clips
from tests.commands import Launch, command
from tests.grids import TINY_GRID

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def made_clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder in the competition's layout: 40 labelled and 12 test clips of 0.5 s."""
    folder = tmp_path_factory.mktemp("made")
    write_clips(folder, MadeClips(train=40, test=12, seconds=0.5))
    an_hour_ago = time.time() - 3600  # files of the last two seconds are hashed again
    for path in folder.rglob("*"):
        os.utime(path, (an_hour_ago, an_hour_ago))
    return folder


@pytest.fixture
def own_clips(tmp_path: Path) -> Path:
    """The same clips in a folder that the test may change."""
    folder = tmp_path / "clips"
    write_clips(folder, MadeClips(train=40, test=12, seconds=0.5))
    return folder


@pytest.fixture
def dataset(made_clips: Path) -> Dataset:
    return read_data(made_clips)


@pytest.fixture
def tiny_grid(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.yaml"
    path.write_text(TINY_GRID)
    return path


@pytest.fixture
def sharded_grid(tiny_grid: Path) -> Path:
    """The same grid with its labelled clips in three shards."""
    tiny_grid.write_text(tiny_grid.read_text().replace("shards: 1", "shards: 3"))
    return tiny_grid


@pytest.fixture(scope="session")
def real_clips() -> Path:
    """A folder of real recordings in the competition's layout."""
    folder = os.environ.get("CLIPS_DIR")
    if not folder:
        pytest.skip("NOT RUN: needs real recordings; set CLIPS_DIR to a folder with train_mp3s/")
    return Path(folder)


@pytest.fixture(scope="session")
def launch() -> Launch:
    """Run `python -m pipeline.launch` in a process of its own, as a user does."""
    return functools.partial(command, "launch")


@pytest.fixture(scope="session")
def finished(
    launch: Launch, made_clips: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[Path], None]:
    """Copy a finished output of the tiny grid to a folder: a launch of it takes ten seconds."""
    folder = tmp_path_factory.mktemp("finished")
    grid = folder / "tiny.yaml"
    grid.write_text(TINY_GRID)
    common = ("--grid", grid, "--data", made_clips, "--executor", "debug")
    assert launch(*common, "--out", folder / "out").returncode == 0

    def copy(to: Path) -> None:
        shutil.copytree(folder / "out", to)

    return copy


@pytest.fixture(scope="session")
def write_mp3() -> Callable[..., Path]:
    """Write a sine (or given samples) as an MP3 file."""

    def write(
        path: Path,
        seconds: float = 0.5,
        rate: int = 22_050,
        channels: int = 1,
        frequency: float = 440.0,
    ) -> Path:
        moments = np.arange(int(seconds * rate)) / rate
        wave = 0.5 * np.sin(2 * np.pi * frequency * moments)
        path.parent.mkdir(parents=True, exist_ok=True)
        samples = np.stack([wave * 0.5**c for c in range(channels)], axis=1)
        soundfile.write(path, samples, rate, format="MP3")
        return path

    return write
