"""How a run computes is chosen from the hardware, recorded, and kept when it goes on."""

from pathlib import Path

import pytest
import torch
from torch import nn

from jobs.files import read_json
from jobs.train.compute import setup, trial
from jobs.train.compute.choices import Choices, candidates, on_cpu
from jobs.train.compute.setup import DeviceShare, set_up
from jobs.train.compute.trial import fastest
from jobs.train.config import RunConfig
from jobs.train.recipe import Computing
from jobs.train.run import Run

SMALL = RunConfig.parse({"depth": 8, "threads": 1, "batch_size": 4, "seconds": 0.5})


def test_auto_on_a_cpu_is_exact() -> None:
    choices = on_cpu(Computing())
    assert (choices.autocast, choices.cuda_graph, choices.deterministic) == (None, False, True)
    assert choices.channels_last


@pytest.mark.parametrize(
    ("capability", "half"), [((9, 0), "bfloat16"), ((8, 0), "bfloat16"), ((7, 5), "float16")]
)
def test_auto_on_a_gpu_measures_the_half_precision_that_it_does_well(
    capability: tuple[int, int], half: str
) -> None:
    ways = candidates(Computing(), capability)
    assert {way.autocast for way in ways} == {half, None}
    assert {way.channels_last for way in ways} == {True, False}
    assert {way.cuda_graph for way in ways} == {True, False}
    assert all(way.fused for way in ways)
    assert len({way.name for way in ways}) == len(ways) == 8


def test_an_old_gpu_computes_in_float32() -> None:
    assert {way.autocast for way in candidates(Computing(), (6, 1))} == {None}


def test_float32_asked_for_is_deterministic_and_nothing_is_timed() -> None:
    (way,) = candidates(Computing(precision="float32"), (9, 0))
    assert way.autocast is None
    assert way.deterministic
    assert not way.cuda_graph


def test_in_half_precision_batch_norm_and_weights_stay_float32() -> None:
    model = SMALL.net.build(4)
    seen: dict[str, torch.dtype] = {}

    def note(name: str) -> object:
        return lambda _module, _inputs, output: seen.__setitem__(name, output.dtype)

    for name, module in model.named_modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(note(name))  # type: ignore[arg-type]
    with Choices(autocast="bfloat16").computing("cpu"):
        model(torch.randn(2, 1, 16, 22))
    assert set(seen.values()) == {torch.bfloat16}
    assert all(p.dtype == torch.float32 for p in model.parameters())
    assert all(b.dtype in (torch.float32, torch.int64) for b in model.buffers())


def test_the_fastest_way_wins_and_one_that_does_not_run_is_noted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ways = candidates(Computing(), (9, 0))
    speeds = {way.name: 100.0 + n for n, way in enumerate(ways)}

    def measured(way: Choices, *_: object) -> float:
        if way is ways[-1]:
            raise RuntimeError("CUDA out of memory.\nTried to allocate")
        return speeds[way.name]

    monkeypatch.setattr(trial, "_clips_per_second", measured)
    chosen = fastest(ways, nn.Identity(), torch.zeros(1), 4)
    assert chosen.name == ways[-2].name
    assert chosen.measured == {name: speeds[name] for name in list(speeds)[:-1]}
    assert chosen.refused == {ways[-1].name: "CUDA out of memory."}
    monkeypatch.setattr(trial, "_clips_per_second", lambda *_: 1 / 0 if _ else 0)
    with pytest.raises(ZeroDivisionError):  # a mistake of ours is no property of the hardware
        fastest(ways, nn.Identity(), torch.zeros(1), 4)


def test_a_trial_leaves_the_model_as_it_was() -> None:
    model = SMALL.net.build(4)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    ways = [Choices(), Choices(channels_last=False)]
    chosen = fastest(ways, model, torch.randn(4, 1, 16, 22), 4)
    assert set(chosen.measured) == {way.name for way in ways}
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert all(p.grad is None for p in model.parameters())


def test_a_run_that_goes_on_computes_as_it_began(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    run = Run(tmp_path)
    monkeypatch.setattr(setup, "_choose", lambda *_: Choices(channels_last=False))
    assert not set_up(run, SMALL, 4, DeviceShare(), 0).choices.channels_last
    monkeypatch.setattr(setup, "_choose", lambda *_: Choices())
    assert not set_up(run, SMALL, 4, DeviceShare(), 0).choices.channels_last
    assert read_json(run.hardware)["choices"]["channels_last"] is False
    (tmp_path / "other").mkdir()
    assert set_up(Run(tmp_path / "other"), SMALL, 4, DeviceShare(), 0).choices.channels_last
