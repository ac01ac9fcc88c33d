"""Whatever file operation fails once, no result is lost and no byte is different."""

import random

import pytest

from benchmarks.faults_of_files import MISSING, Bench
from jobs.errors import DamagedFileError
from jobs.train.checkpoint import Checkpoint
from jobs.train.run import Run


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
    def careless(run: Run, epoch: int) -> bool:
        try:
            return Checkpoint.load(run.meta(epoch)).weights.exists()
        except (OSError, DamagedFileError):  # as it was once
            return False

    monkeypatch.setattr(Run, "_is_kept", careless)
    # What is read first of a run are its outcome and its checkpoints.
    opened = bench.operations("nothing")["open"]
    rng = random.Random(0)
    found = [bench.trial("nothing", number, rng) for number in opened[:200:3]]
    assert any("set-aside" in str(breaches) for _, breaches in found)
