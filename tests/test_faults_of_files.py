"""Whatever file operation fails once, no result is lost and no byte is different."""

import random

import pytest

from benchmarks.faults_of_files import MISSING, Bench


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
