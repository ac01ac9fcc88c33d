"""Whatever file operation fails once, no result is lost and no byte is different."""

import random
from pathlib import Path
from typing import Any

import pytest

from benchmarks.faults_of_files import MISSING, Bench
from jobs.errors import DamagedFileError
from jobs.models.archive import from_file
from jobs.train import state


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench.made(tmp_path_factory.mktemp("faults"))


@pytest.mark.parametrize("missing", [name for name in MISSING if name not in ("a run", "a shard")])
def test_a_fault_of_each_kind_costs_nothing(bench: Bench, missing: str) -> None:
    rng = random.Random(missing)
    for kind, numbers in bench.operations(missing).items():
        fault, breaches = bench.trial(missing, rng.choice(numbers), rng)
        assert fault, kind
        assert not breaches, fault


def test_a_reader_that_takes_a_passing_error_for_damage_is_noticed(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def careless(path: Path) -> dict[str, Any]:
        try:
            return from_file(path)
        except OSError as error:
            raise DamagedFileError(str(path)) from error

    monkeypatch.setattr(state, "from_file", careless)
    rng = random.Random(0)
    reads = bench.operations("half a run")["read"]
    found = (bench.trial("half a run", number, rng) for number in reads)
    fault, breaches = next(each for each in found if each[1])
    assert "state-00001.pt" in fault
    assert breaches == ["set aside state-00001.pt"]
