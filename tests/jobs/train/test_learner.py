"""What a step does: losses, averages, optimisers, with known answers."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from jobs.train.augment.augmentation import Batch
from jobs.train.compute.choices import Choices
from jobs.train.config import RunConfig
from jobs.train.learner import Learner, averaged
from jobs.train.loop import DivergedError, train_epoch

SMALL = RunConfig.parse({"depth": 8, "lr": 0.1, "momentum": 0, "weight_decay": 0, "threads": 1})
X = torch.randn(8, 1, 16, 22, generator=torch.Generator().manual_seed(0))
LABELS = torch.arange(8) % 4


def learner(**settings: object) -> Learner:
    built = Learner(SMALL.but(**settings), 4, 10, "cpu", Choices())
    built.model.train()
    return built


def test_a_step_is_plain_gradient_descent() -> None:
    ours, plain = learner(), learner().model
    before = {name: p.clone() for name, p in plain.named_parameters()}
    F.cross_entropy(plain(X), LABELS).backward()
    ours.step(X, LABELS)
    for name, weight in ours.model.named_parameters():
        gradient = dict(plain.named_parameters())[name].grad
        assert gradient is not None
        torch.testing.assert_close(weight, before[name] - 0.1 * gradient)


def test_targets_of_mixup_with_one_label_each_are_the_labels() -> None:
    one, other = learner(), learner()
    loss, _ = one.step(X, LABELS)
    soft, _ = other.step(X, F.one_hot(LABELS, 4).float())
    assert soft.item() == pytest.approx(loss.item(), rel=1e-5)


def test_label_smoothing_is_szegedys() -> None:
    logits = learner().forward(X).detach()
    loss, _ = learner(label_smoothing=0.1).step(X, LABELS)
    smooth = torch.full((8, 4), 0.1 / 4)
    smooth[torch.arange(8), LABELS] += 0.9
    assert loss.item() == pytest.approx(
        -(smooth * logits.log_softmax(1)).sum(1).mean().item(), rel=1e-5
    )


def test_gradients_are_clipped_to_their_norm() -> None:
    clipped = learner(clip_grad=0.01)
    before = [p.clone() for p in clipped.model.parameters()]
    clipped.step(X, LABELS)
    moved = [
        a.detach() - b.detach() for a, b in zip(clipped.model.parameters(), before, strict=True)
    ]
    norm = math.sqrt(sum(float(m.square().sum()) for m in moved))
    assert norm == pytest.approx(0.1 * 0.01, rel=1e-3)  # lr times the norm


def test_averaged_weights_follow_with_their_decay() -> None:
    model = nn.Linear(1, 1, bias=False)
    average = averaged(model, decay=0.5)
    expected: float | None = None
    for step, value in enumerate((1.0, 3.0, -2.0, 5.0)):
        nn.init.constant_(model.weight, value)
        average.update_parameters(model)
        if expected is None:
            expected = value
        else:
            decay = min(0.5, (1 + step) / (10 + step))
            expected = decay * expected + (1 - decay) * value
        weight = average.module.state_dict()["weight"]
        assert weight.item() == pytest.approx(expected)


def test_averaged_weights_are_what_is_kept_and_their_statistics_are_averaged_too() -> None:
    averaging = learner(ema=0.9)
    plain = averaging.model
    for _ in range(3):
        averaging.step(X, LABELS)
    kept = averaging.result
    assert kept is not plain
    assert not torch.equal(kept.head.weight, plain.head.weight)  # type: ignore[union-attr,arg-type]
    assert not torch.equal(kept.norm.running_mean, plain.norm.running_mean)  # type: ignore[union-attr,arg-type]
    assert kept.norm.num_batches_tracked == 3  # type: ignore[union-attr]
    assert learner().result is not None


@pytest.mark.parametrize(
    ("settings", "kind", "wanted"),
    [
        ({"momentum": 0.8, "nesterov": True}, "SGD", {"momentum": 0.8, "nesterov": True}),
        ({"optimizer": "adamw", "weight_decay": 0.1}, "AdamW", {"weight_decay": 0.1}),
    ],
)
def test_the_optimiser_is_the_one_asked_for(
    settings: dict[str, object], kind: str, wanted: dict[str, object]
) -> None:
    optimizer = SMALL.but(**settings).optimizer.build(nn.Linear(2, 2).parameters())
    assert type(optimizer).__name__ == kind
    assert {name: optimizer.param_groups[0][name] for name in wanted} == wanted
    assert optimizer.param_groups[0]["lr"] == 0.1


def test_an_epoch_that_diverges_stops_before_its_end() -> None:
    one, seen = learner(), 0

    def batches() -> object:
        nonlocal seen
        for seen in range(1, 101):
            yield Batch(X * (float("nan") if seen == 3 else 1), LABELS, LABELS)

    with pytest.raises(DivergedError):
        train_epoch(one, batches())  # type: ignore[arg-type]
    assert seen < 100


def test_loss_and_accuracy_are_means_over_clips_of_batches_of_different_size() -> None:
    frozen = learner(lr=1e-30)
    parts = [Batch(X[part], LABELS[part], LABELS[part]) for part in (slice(6), slice(6, None))]
    loss, accuracy = train_epoch(frozen, parts)
    frozen = learner(lr=1e-30)
    frozen.model.train()
    logits = torch.cat([frozen.forward(X[:6]), frozen.forward(X[6:])])
    assert loss == pytest.approx(F.cross_entropy(logits, LABELS).item(), rel=1e-5)
    assert accuracy == (logits.argmax(1) == LABELS).double().mean().item()


def test_a_first_step_that_overflows_in_float16_leaves_no_trace() -> None:
    choices = Choices(autocast="float16", fused=True)
    config = SMALL.but(momentum=0.9)
    half = Learner(config, 4, 10, "cpu", choices)
    half.model.train()
    before = {name: p.clone() for name, p in half.model.named_parameters()}
    half.step(X * 1e6, LABELS)  # no float16
    assert all(torch.equal(before[name], p) for name, p in half.model.named_parameters())
    for buffer in half.model.buffers():  # its statistics are lost, as with any scaler
        nn.init.zeros_(buffer) if buffer.is_floating_point() else None
    half.step(X, LABELS)
    half.step(X, LABELS)
    assert all(torch.isfinite(p).all() for p in half.model.parameters())
    for values in half.optimizer.state.values():
        assert torch.isfinite(values["momentum_buffer"]).all()


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_a_learner_goes_on_where_hardware_chose_another_layout_and_precision(
    optimizer: str,
) -> None:
    config = SMALL.but(momentum=0.9, optimizer=optimizer)
    first = Learner(config, 4, 10, "cpu", Choices(channels_last=True))
    first.model.train()
    first.step(X, LABELS)
    other = Learner(config, 4, 10, "cpu", Choices(channels_last=False, autocast="float16"))
    other.load_state_dict(first.state_dict())
    for weight, values in other.optimizer.state.items():
        for value in values.values():
            if isinstance(value, torch.Tensor) and value.shape == weight.shape:
                assert value.stride() == weight.stride()
    other.model.train()
    other.step(X, LABELS)
    assert all(torch.isfinite(p).all() for p in other.model.parameters())
