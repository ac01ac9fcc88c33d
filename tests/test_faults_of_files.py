"""Whatever file operation fails once, no result is lost and no byte is different."""

import random
from pathlib import Path

import pytest

from benchmarks.faults_of_files import MISSING, Bench
from jobs.errors import DamagedFileError
from jobs.train.run import Outcome, Run


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


def test_what_would_cost_something_is_noticed(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def careless(path: Path) -> Outcome | None:
        try:
            return Outcome.load(path)
        except (OSError, DamagedFileError):  # as it was once
            return None

    monkeypatch.setattr(Run, "outcome", lambda run: careless(run.done))
    reads = bench.operations("nothing")["read"]
    rng = random.Random(0)
    found = [bench.trial("nothing", number, rng) for number in reads]
    assert any("set aside" in str(breaches) for _, breaches in found)
