"""Whatever file operation fails once, no result is lost and no byte is different."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks.faults_of_files import MISSING, Bench
from benchmarks.file_faults import Fault, failing
from jobs.errors import DamagedFileError
from jobs.extract.store.shard import read_columns, read_features
from jobs.models.archive import arrays_from_file, from_file, whole_bytes
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


READERS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "the facts in a shard": ("features/*/shard-*.h5", read_columns),
    "the features in a shard": ("features/*/shard-*.h5", read_features),
    "weights": ("runs/*/checkpoints/*.pt", from_file),
    "weights, into no model": ("runs/*/checkpoints/*.pt", whole_bytes),
    "predictions": (
        "runs/*/predictions/*.npz", lambda path: arrays_from_file(path, ["probabilities"])
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", READERS)
def test_no_reader_takes_an_error_that_passes_for_damage(bench: Bench, what: str) -> None:
    pattern, read = READERS[what]
    path = next(bench.whole.glob(pattern))
    undisturbed = Fault(bench.whole, None, min)
    with failing(undisturbed):
        read(path)
    assert undisturbed.seen
    for number, kind in enumerate(undisturbed.seen):
        for pick in (min, max):
            with (
                failing(Fault(bench.whole, number, pick)),
                pytest.raises(OSError, match=r"\[Errno") as raised,
            ):
                read(path)
            assert raised.value.errno, kind


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
