"""The testbed as a fixture: a real Slurm, started once for all tests that need it."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from slurm.testbed.testbed import Testbed, TestbedError
from tests.slurm.cluster import Cluster


@pytest.fixture(scope="session")
def testbed() -> Iterator[Testbed]:
    """Start the testbed, or use the one that runs; stop it only if we started it."""
    bed = Testbed.default()
    try:
        bed.require_fitting_machine()
        was_up = bed.is_up()
        bed.start()
    except TestbedError as error:
        if os.environ.get("REQUIRE_TESTBED"):
            pytest.fail(f"the testbed is required here, but: {error}")
        pytest.skip(f"NOT RUN ON SLURM: {error}")
    yield bed
    if not was_up:
        bed.stop()


@pytest.fixture
def cluster(
    testbed: Testbed,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> Iterator[Cluster]:
    """Commands run against the testbed; whatever a test leaves in the queue is cancelled.

    Of a test that fails, what Slurm and the jobs said is printed: it need not happen again.
    """
    monkeypatch.setenv("SLURM_CONF", str(testbed.config))
    found = Cluster(testbed, tmp_path / "out")
    failed_before = request.session.testsfailed
    yield found
    if request.session.testsfailed > failed_before:
        found.print_what_was_said()
    found.command("scancel", "--user=root", "--quiet")
    found.wait_until(lambda: not found.queue(), 60)


@pytest.fixture(scope="session")
def expected_output(
    launch: Callable[..., object], made_clips: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[Path], Path]:
    """Return the folder that the debug executor makes of a grid; once for all equal grids."""
    made: dict[str, Path] = {}

    def make(grid: Path) -> Path:
        text = grid.read_text()
        if text not in made:
            made[text] = tmp_path_factory.mktemp("expected")
            out = ("--out", made[text], "--executor", "debug")
            launch("--grid", grid, "--data", made_clips, *out)
        return made[text]

    return make


@pytest.fixture
def expected(expected_output: Callable[[Path], Path]) -> Callable[[Path], bytes]:
    """Return the submission.csv that the debug executor makes of a grid."""
    return lambda grid: (expected_output(grid) / "submission.csv").read_bytes()


@pytest.fixture
def long_grid(tiny_grid: Path) -> Path:
    """Runs of some ten seconds, to be hit in the middle."""
    tiny_grid.write_text(tiny_grid.read_text().replace("epochs: 3", "epochs: 120"))
    return tiny_grid
