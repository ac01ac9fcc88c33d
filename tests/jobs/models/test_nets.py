"""Models are those of their papers."""

from typing import Literal

import pytest
import torch
from torch import nn

from jobs.models import MODELS
from jobs.models.net import Net
from jobs.models.nets.cnn import PlainCnn
from jobs.models.nets.densenet import DenseNet
from jobs.models.nets.inception import Inception
from jobs.models.nets.resnet import CifarResNet

NETS = ("resnet", "cnn", "inception", "densenet")
SHAPES = [(64, 259), (194, 259), (16, 22), (194, 1), (1, 1)]


def net(model: str, **settings: object) -> Net:
    """Return a net's settings; by default the smallest."""
    small = {"resnet": {"depth": 8}, "densenet": {"densenet_depth": 10}}.get(model, {})
    built = MODELS[model].checked(settings or small, "test")
    assert isinstance(built, Net)
    return built


def parameter_count(module: nn.Module) -> int:
    """Return the number of trained values."""
    return sum(p.numel() for p in module.parameters() if p.requires_grad)


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
@pytest.mark.parametrize("model", NETS)
def test_every_model_takes_any_bands_and_frames(model: str, shape: tuple[int, int]) -> None:
    for classes in (2, 4, 50):
        network = net(model).build(classes)
        assert network.eval()(torch.zeros(2, 1, *shape)).shape == (2, classes)


@pytest.mark.parametrize("model", NETS)
def test_every_weight_learns(model: str) -> None:
    network = net(model).build(4).train()
    network(torch.randn(4, 1, 64, 65)).square().sum().backward()
    for name, weight in network.named_parameters():
        assert weight.grad is not None, name
        assert weight.grad.abs().sum() > 0, name


@pytest.mark.parametrize("model", NETS)
def test_every_model_names_its_source(model: str) -> None:
    document = __import__(f"jobs.models.nets.{model}", fromlist=["_"]).__doc__ or ""
    assert " et al." in document or "&" in document
    assert any(str(year) in document for year in range(2010, 2020))


@pytest.mark.parametrize(
    ("model", "settings"),
    [
        ("resnet", {"depth": 20}), ("resnet", {"depth": 110}),
        ("resnet", {"depth": 56, "shortcut": "B"}), ("cnn", {}), ("inception", {}),
        ("wide_resnet", {}), ("wide_resnet", {"width": 64, "residual_stages": 4}),
        ("wide_resnet", {"stem_stride": 4}),
        ("densenet", {"densenet_depth": 100}), ("densenet", {"densenet_depth": 40, "growth": 24}),
    ],
    ids=str,
)  # fmt: skip
def test_the_size_of_a_model_is_known_without_building_it(
    model: str, settings: dict[str, object]
) -> None:
    sized = net(model, **settings)
    count = parameter_count(sized.build(4))
    # For asking whether checkpoints fit on a disk.
    assert 0.95 * count < sized.parameters(64 * 259) < 1.25 * count


def test_a_stem_of_stride_four_leaves_a_quarter_of_the_places_to_every_block() -> None:
    places = []
    for stride in (2, 4):
        model = net("wide_resnet", stem_stride=stride).build(4)
        model.get_submodule("stages.0").register_forward_hook(
            lambda _module, _inputs, output: places.append(tuple(output.shape[2:]))
        )
        assert model(torch.randn(2, 1, 64, 216)).shape == (2, 4)
    assert places == [(32, 108), (16, 54)]


def test_resnet_counts_its_layers() -> None:
    model = CifarResNet(56, 4)
    weighted = [m for m in model.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    assert len(weighted) == 56


def test_densenet_counts_its_layers() -> None:
    weighted = [m for m in DenseNet(40, 12, 4).modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    assert len(weighted) == 40
