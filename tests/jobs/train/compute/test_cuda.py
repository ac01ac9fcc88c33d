"""What only a GPU can show. On a machine without one these tests say that they did not run."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from jobs.models.fitted_net import FittedNet
from jobs.models.normalise import as_image, mean_and_deviation, normalised
from jobs.train.compute.choices import Choices, candidates
from jobs.train.compute.device import Hardware
from jobs.train.compute.graph import recorded
from jobs.train.compute.trial import fastest
from jobs.train.config import RunConfig
from jobs.train.learner import Learner
from jobs.train.run import Run

pytestmark = pytest.mark.cuda

MODELS = ("resnet", "cnn", "inception", "densenet")
SMALL = RunConfig.parse({"depth": 8, "batch_size": 16, "lr": 0.01})


@pytest.fixture(autouse=True)
def _gpu() -> None:
    if not torch.cuda.is_available():
        pytest.skip("NOT RUN: needs a CUDA GPU")


def batch(size: int = 16) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(size, 1, 64, 65, generator=generator)
    return x.cuda(), (torch.arange(size) % 4).cuda()


@pytest.mark.parametrize("model", MODELS)
def test_a_recorded_pass_learns_what_an_eager_one_learns(model: str) -> None:
    config = SMALL.but(model=model, densenet_depth=10, precision="float32")
    x, labels = batch()
    learners = [
        Learner(config, 4, 10, "cuda", Choices(cuda_graph=graph, fused=True))
        for graph in (False, True)
    ]
    for learner in learners:
        learner.model.train()
        for _ in range(5):
            learner.step(x, labels)
        learner.step(x[:7], labels[:7])  # the last batch of an epoch
    eager, replayed = (learner.model.state_dict() for learner in learners)
    for name, value in eager.items():
        torch.testing.assert_close(replayed[name], value, rtol=1e-3, atol=1e-4)


def test_recording_leaves_weights_and_statistics_alone() -> None:
    model = SMALL.net.build(4).cuda().train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    recorded(model, batch()[0])
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


@pytest.mark.parametrize("precision", ["bfloat16", "float16", "float32"])
def test_every_precision_learns(precision: str) -> None:
    config = SMALL.but(precision=precision)
    for choices in candidates(config.computing, torch.cuda.get_device_capability()):
        learner = Learner(config, 4, 40, "cuda", choices)
        learner.model.train()
        x, labels = batch()
        first = F.cross_entropy(learner.forward(x), labels).item()
        for _ in range(30):
            loss, _ = learner.step(x, labels)
        assert loss.item() < first / 2, choices.name


def test_the_trial_chooses_a_way_that_runs() -> None:
    ways = candidates(SMALL.computing, torch.cuda.get_device_capability())
    chosen = fastest(ways, SMALL.net.build(4), batch()[0], 4)
    assert chosen.measured
    assert not chosen.refused


def test_a_run_on_a_gpu_ends_and_records_what_it_chose(
    train: Callable[..., Run], config: RunConfig, tmp_path: Path
) -> None:
    run = train(tmp_path / "run", config.but(ema=0.9, mixup_p=0.5))
    assert run.is_trained()
    choices = Hardware.load(run.hardware).choices
    assert choices is not None
    assert choices["measured"]


def test_normalising_gives_a_gpu_the_same_bits() -> None:
    clips = np.random.default_rng(0).normal(-40, 20, (9, 64, 259)).astype(np.float32)
    numbers = [torch.from_numpy(each) for each in mean_and_deviation(clips)]
    image = torch.from_numpy(as_image(clips))
    on_gpu = normalised(image.cuda(), *(each.cuda() for each in numbers)).cpu()
    assert torch.equal(on_gpu, normalised(image, *numbers))


def test_a_clip_is_predicted_alike_in_any_company_on_a_gpu() -> None:
    fitted = FittedNet(SMALL.net, SMALL.net.build(4).cuda(), tuple("0123"), (64, 65), "cuda")
    Choices().set_kernels()
    clips = np.random.default_rng(0).normal(-40, 20, (100, 64, 65)).astype(np.float32)
    whole = fitted.predict_proba(clips)
    for seed in range(5):
        some = np.random.default_rng(seed).permutation(100)[: 13 * seed + 1]
        np.testing.assert_array_equal(fitted.predict_proba(clips[some]), whole[some])
