"""What training takes is known before it begins; what is freed is kept where there is room."""

import re

import pytest
import torch

from jobs.models.resnet import ResNet
from jobs.train.compute import memory
from jobs.train.compute.memory import (
    activation_bytes,
    data_budget,
    keep_freed_memory,
    too_little_memory,
)
from jobs.train.config import RunConfig


@pytest.mark.parametrize("model", ["resnet", "cnn", "inception", "densenet"])
def test_activations_are_those_that_a_real_pass_keeps(model: str) -> None:
    net = RunConfig.parse({"model": model, "depth": 8, "densenet_depth": 10}).net
    kept: dict[int, torch.UntypedStorage] = {}

    def note(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage
        return tensor

    network = net.build(4).train()
    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        network(torch.randn(6, 1, 32, 40))
    sizes = [storage.nbytes() for storage in kept.values()]
    total, largest = activation_bytes(net, 4, (32, 40), 6)
    assert largest == max(sizes)
    assert total == pytest.approx(sum(sizes), rel=0.01)


def test_activations_grow_with_the_batch() -> None:
    one, many = (activation_bytes(ResNet(depth=8), 4, (64, 259), batch)[0] for batch in (1, 64))
    assert many == pytest.approx(64 * one, rel=0.05)


def test_features_get_what_is_asked_or_a_share_of_what_is_free(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert data_budget("cpu", 0.25, together=4) == 250_000_000
    monkeypatch.setenv("SLURM_MEM_PER_NODE", "100")
    assert data_budget("cpu", None, together=1) == 50 * 2**20
    assert data_budget("cpu", None, together=4) == 50 * 2**20 // 4


def test_training_itself_comes_before_features(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_MEM_PER_NODE", "100")
    assert data_budget("cpu", None, together=1, needed=80 * 2**20) == 20 * 2**20
    assert data_budget("cpu", None, together=1, needed=200 * 2**20) == 0


def test_freed_memory_is_kept_only_where_there_is_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_MEM_PER_NODE", "1000")
    try:
        assert keep_freed_memory(900 * 2**20)
        assert not keep_freed_memory(1100 * 2**20)
    finally:
        memory.give_back_freed_memory()


def test_a_net_that_cannot_fit_is_told_before_it_starts_with_what_fits() -> None:
    config = RunConfig.parse({"batch_size": 128})
    said = too_little_memory(config, classes=4, available=10 * 10**9)
    assert said is not None
    assert re.search(r"at least (1\d|2\d)\.\d GB .* 10\.0 GB are free here", said)
    assert "--set depth=20 or --set batch_size=64" in said
    for remedy in ({"depth": 20, "batch_size": 128}, {"batch_size": 64}):
        assert too_little_memory(RunConfig.parse(remedy), 4, 10 * 10**9) is None
