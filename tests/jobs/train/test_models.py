"""Models are those of their papers."""

from typing import Literal

import pytest
import torch
from torch import nn

from jobs.train.config import RunConfig
from jobs.train.models import build_model, parameter_count
from jobs.train.models.cnn import PlainCnn
from jobs.train.models.densenet import DenseNet
from jobs.train.models.inception import Inception
from jobs.train.models.resnet import CifarResNet

MODELS = ("resnet", "cnn", "inception", "densenet")
SHAPES = [(64, 259), (194, 259), (16, 22), (194, 1), (1, 1)]


def small(model: str) -> RunConfig:
    return RunConfig.checked({"model": model, "depth": 8, "densenet_depth": 10}, "test")


# He et al. 2015, table 6, for three input channels and ten classes; one channel has 288 fewer.
@pytest.mark.parametrize(
    ("depth", "millions"), [(20, 0.27), (32, 0.46), (44, 0.66), (56, 0.85), (110, 1.7)]
)
def test_resnet_has_the_papers_parameters(depth: int, millions: float) -> None:
    count = parameter_count(CifarResNet(depth, 10)) + 288
    assert count / 1e6 == pytest.approx(millions, rel=0.03)


@pytest.mark.parametrize("depth", [8, 20, 56, 110])
def test_option_b_adds_two_projections(depth: int) -> None:
    extra = [parameter_count(CifarResNet(depth, 4, kind)) for kind in ("B", "A")]
    # 1x1 convolutions from 16 to 32 and from 32 to 64 channels, each with batch norm.
    assert extra[0] - extra[1] == 16 * 32 + 2 * 32 + 32 * 64 + 2 * 64


@pytest.mark.parametrize("shortcut", ["A", "B"])
def test_a_shortcut_halves_bands_and_frames(shortcut: Literal["A", "B"]) -> None:
    model = CifarResNet(8, 4, shortcut).eval()
    x = torch.randn(1, 16, 9, 7)
    first = model.stages[1][0]  # type: ignore[index]
    passed = first.shortcut(x)
    assert passed.shape == (1, 32, 5, 4)
    if shortcut == "A":
        assert torch.equal(passed[:, 8:24], x[:, :, ::2, ::2])
        assert not passed[:, :8].any()
        assert not passed[:, 24:].any()


# Huang et al. 2016, table 2: DenseNet-BC; three input channels have 432 more (growth 12).
@pytest.mark.parametrize(
    ("depth", "growth", "millions"), [(100, 12, 0.8), (250, 24, 15.3), (190, 40, 25.6)]
)
def test_densenet_has_the_papers_parameters(depth: int, growth: int, millions: float) -> None:
    with torch.device("meta"):
        count = parameter_count(DenseNet(depth, growth, 10)) + 36 * growth
    assert count / 1e6 == pytest.approx(millions, rel=0.04)


def test_densenet_100_12_has_exactly_the_parameters_of_its_authors_code() -> None:
    assert parameter_count(DenseNet(100, 12, 10)) + 432 == 769_162


def test_cnn_is_as_deep_as_it_says() -> None:
    model = PlainCnn(4)
    kernels = [m.weight.shape for m in model.modules() if isinstance(m, nn.Conv2d)]
    assert [tuple(k) for k in kernels] == [
        (32, 1, 3, 3), (32, 32, 3, 3), (64, 32, 3, 3), (64, 64, 3, 3),
        (128, 64, 3, 3), (128, 128, 3, 3), (256, 128, 3, 3), (256, 256, 3, 3),
    ]  # fmt: skip
    norms = 2 * 2 * (32 + 64 + 128 + 256)
    assert parameter_count(model) == sum(k.numel() for k in kernels) + norms + 256 * 4 + 4


def test_inception_has_the_papers_kinds_of_filters() -> None:
    model = Inception(4)
    kernels = {m.kernel_size for m in model.modules() if isinstance(m, nn.Conv2d)}
    assert kernels == {(1, 1), (3, 3), (1, 7), (7, 1), (1, 3), (3, 1)}
    x = torch.zeros(1, 1, 64, 259)
    shapes = [tuple(x.shape[1:])]
    for part in (model.stem, *model.modules_):
        x = part(x)
        shapes.append(tuple(x.shape[1:]))
    assert shapes == [
        (1, 64, 259), (32, 32, 130), (96, 32, 130), (144, 16, 65), (128, 16, 65),
        (128, 16, 65), (192, 8, 33), (224, 8, 33),
    ]  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("model", MODELS)
def test_every_model_takes_any_bands_and_frames(model: str, shape: tuple[int, int]) -> None:
    for classes in (2, 4, 50):
        network = build_model(small(model), classes)
        assert network.eval()(torch.zeros(2, 1, *shape)).shape == (2, classes)


@pytest.mark.parametrize("model", MODELS)
def test_every_weight_learns(model: str) -> None:
    network = build_model(small(model), 4).train()
    network(torch.randn(4, 1, 64, 65)).square().sum().backward()
    for name, weight in network.named_parameters():
        assert weight.grad is not None, name
        assert weight.grad.abs().sum() > 0, name


@pytest.mark.parametrize("model", MODELS)
def test_every_model_names_its_source(model: str) -> None:
    document = __import__(f"jobs.train.models.{model}", fromlist=["_"]).__doc__ or ""
    assert " et al." in document or "&" in document
    assert any(str(year) in document for year in range(2010, 2020))


@pytest.mark.parametrize(
    "settings",
    [
        {"depth": 20}, {"depth": 110}, {"depth": 56, "shortcut": "B"}, {"model": "cnn"},
        {"model": "inception"}, {"model": "densenet"},
        {"model": "densenet", "densenet_depth": 40, "growth": 24},
    ],
    ids=str,
)  # fmt: skip
def test_the_size_of_a_model_is_known_without_building_it(settings: dict[str, object]) -> None:
    config = RunConfig.checked(settings, "test")
    count = parameter_count(build_model(config, 4))
    # For asking whether checkpoints fit on a disk.
    assert 0.95 * count < config.approximate_parameters < 1.25 * count


def test_resnet_counts_its_layers() -> None:
    model = CifarResNet(56, 4)
    weighted = [m for m in model.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    assert len(weighted) == 56


def test_densenet_counts_its_layers() -> None:
    weighted = [m for m in DenseNet(40, 12, 4).modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    assert len(weighted) == 40
