"""Stubs of Slurm's commands, for where there is no cluster; an output, and its export."""

import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.commands import command

Stub = Callable[[str, str], None]


@pytest.fixture
def stub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stub:
    """Put commands into PATH that do what some lines of shell say."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")

    def write(name: str, script: str) -> None:
        path = folder / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)

    return write


@pytest.fixture(scope="session")
def output(finished: Callable[[Path], None], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An output whose voters are nets of v1; nobody changes it."""
    folder = tmp_path_factory.mktemp("nets")
    finished(folder / "out")
    return folder / "out"


@pytest.fixture(scope="session")
def exported(output: Path) -> Path:
    """An export of it that stands alone."""
    done = command("export", output, "--to", output.parent / "exported")
    assert done.returncode == 0, done.stdout + done.stderr
    return output.parent / "exported"
