"""Models are those of their papers."""

import pytest
import torch

from jobs.train.models.resnet import CifarResNet, parameter_count


# He et al. 2015, table 6, for three input channels and ten classes; one channel has 288 fewer.
@pytest.mark.parametrize(
    ("depth", "millions"), [(20, 0.27), (32, 0.46), (44, 0.66), (56, 0.85), (110, 1.7)]
)
def test_resnet_has_the_papers_parameters(depth: int, millions: float) -> None:
    count = parameter_count(CifarResNet(depth, 10)) + 288
    assert count / 1e6 == pytest.approx(millions, rel=0.03)


@pytest.mark.parametrize("shape", [(64, 259), (194, 259), (16, 22), (194, 1)])
@pytest.mark.parametrize("classes", [2, 50])
def test_resnet_takes_any_bands_and_frames(shape: tuple[int, int], classes: int) -> None:
    logits = CifarResNet(8, classes)(torch.zeros(3, 1, *shape))
    assert logits.shape == (3, classes)


def test_resnet_counts_its_layers() -> None:
    model = CifarResNet(56, 4)
    weighted = [m for m in model.modules() if isinstance(m, torch.nn.Conv2d | torch.nn.Linear)]
    assert len(weighted) == 56
