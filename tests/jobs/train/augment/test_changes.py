"""Each change does what it says to a batch, and nothing to a clip that it should leave alone."""

import numpy as np
import pytest
import torch
from jobs.train.augment.table import draw_table
from jobs.train.settings.augmentation import KINDS

from jobs.train.augment import transforms
from jobs.train.augment.augmentation import Augmentation
from jobs.train.config import RunConfig

# Three clips of 4 bands and 5 frames whose values tell band and frame.
X = (torch.arange(4.0)[:, None] * 10 + torch.arange(5.0)).expand(3, 1, 4, 5).contiguous()


def test_time_shift_rolls_to_the_right() -> None:
    moved = transforms.time_shift(X, torch.tensor([0, 2, -1]))
    assert torch.equal(moved[0], X[0])
    assert moved[1, 0, 1].tolist() == [13, 14, 10, 11, 12]
    assert moved[2, 0, 1].tolist() == [11, 12, 13, 14, 10]


def test_speed_resamples_linearly_between_frames() -> None:
    changed = transforms.change_speed(X, torch.tensor([1.0, 0.5, 2.0]))
    assert torch.equal(changed[0], X[0])
    assert changed[1, 0, 0].tolist() == [0, 0.5, 1, 1.5, 2]
    assert changed[2, 0, 0].tolist() == [0, 2, 4, 1, 3]  # ended early, and begun again


def test_pitch_moves_bands_up_and_repeats_the_outermost() -> None:
    moved = transforms.shift_pitch(X, torch.tensor([0, 1, -2]))
    assert torch.equal(moved[0], X[0])
    assert moved[1, 0, :, 0].tolist() == [0, 0, 10, 20]
    assert moved[2, 0, :, 0].tolist() == [20, 30, 30, 30]


def test_noise_has_its_deviation_and_depends_on_its_seed_alone() -> None:
    silence = torch.zeros(3, 1, 64, 259)
    deviation, seed = torch.tensor([0.0, 0.5, 0.5]), torch.tensor([1, 2, 3])
    noisy = transforms.add_noise(silence, deviation, seed)
    assert not noisy[0].any()
    assert noisy[1].std() == pytest.approx(0.5, rel=0.02)
    alone = transforms.add_noise(silence[2:], deviation[2:], seed[2:])
    assert torch.equal(alone[0], noisy[2])
    assert abs(np.corrcoef(noisy[1].flatten(), noisy[2].flatten())[0, 1]) < 0.03


def test_gaussian_numbers_are_gaussian() -> None:
    numbers = transforms.gaussian(torch.arange(400), 1001).double()
    assert torch.isfinite(numbers).all()
    assert numbers.mean() == pytest.approx(0, abs=0.01)
    assert numbers.std() == pytest.approx(1, rel=0.01)
    assert (numbers**4).mean() == pytest.approx(3, rel=0.03)
    assert (numbers.abs() > 2).double().mean() == pytest.approx(0.0455, rel=0.05)
    neighbours = np.corrcoef(numbers[:-1].flatten(), numbers[1:].flatten())[0, 1]
    assert abs(neighbours) < 0.01


def test_mixup_blends_features_and_targets_alike() -> None:
    x = torch.tensor([0.0, 1.0, 2.0]).view(3, 1, 1, 1)
    targets = torch.eye(3)
    share, partner = torch.tensor([1.0, 0.75, 0.5]), torch.tensor([0.9, 0.0, 0.5])
    blended, blended_targets = transforms.mixup(x, targets, share, partner)
    assert blended.flatten().tolist() == [0, 0.75, 1.5]
    assert blended_targets.tolist() == [[1, 0, 0], [0.25, 0.75, 0], [0, 0.5, 0.5]]


def test_the_last_partner_is_the_last_of_the_batch_however_it_is_rounded() -> None:
    partner = torch.tensor([1 - 2.0**-30, 0.0], dtype=torch.float64).float()
    assert partner[0] == 1
    x = torch.tensor([0.0, 1.0]).view(2, 1, 1, 1)
    blended, _ = transforms.mixup(x, torch.eye(2), torch.tensor([0.5, 1.0]), partner)
    assert blended.flatten().tolist() == [0.5, 1]


def test_masks_cover_stripes() -> None:
    ones = torch.ones(2, 1, 4, 5)
    start, width = torch.tensor([[1, 3], [0, 0]]), torch.tensor([[1, 1], [0, 0]])
    masked = transforms.mask(ones, start, width, dim=2)
    assert masked[0, 0, :, 0].tolist() == [1, 0, 1, 0]
    assert torch.equal(masked[1], ones[1])
    assert transforms.mask(ones, start, width, dim=3)[0, 0, 0].tolist() == [1, 0, 1, 0, 1]


@pytest.mark.parametrize("kind", KINDS)
def test_a_change_leaves_clips_alone_that_it_does_not_hit_and_changes_the_others(kind: str) -> None:
    config = RunConfig.checked({f"{kind}_p": 0.5}, "test")
    x, labels = torch.randn(200, 1, 64, 259), torch.arange(200) % 4
    table = draw_table(config, (64, 259), 0, 1, 200)
    changed, targets = Augmentation(config, table, 4).apply(0, x, labels)
    same = (changed == x).flatten(1).all(dim=1)
    assert 60 < same.sum() < 140
    if kind == "mixup":
        assert torch.equal(targets[same].argmax(dim=1), labels[same])
        assert torch.allclose(targets.sum(dim=1), torch.ones(200))
    else:
        assert torch.equal(targets, labels)


def test_a_batch_takes_the_rows_of_its_place_in_the_epoch() -> None:
    config = RunConfig.checked({f"{kind}_p": 1 for kind in KINDS if kind != "mixup"}, "test")
    x, labels = torch.randn(10, 1, 64, 259), torch.zeros(10, dtype=torch.int64)
    epoch = Augmentation.of_epoch(config, (64, 259), 4, 0, 1, 10, "cpu")
    assert epoch is not None
    whole, _ = epoch.apply(0, x, labels)
    parts = [
        epoch.apply(start, x[start : start + 4], labels[start : start + 4]) for start in (0, 4)
    ]
    assert torch.equal(torch.cat([part for part, _ in parts]), whole[:8])


def test_without_changes_there_is_no_augmentation() -> None:
    assert Augmentation.of_epoch(RunConfig(), (64, 259), 4, 0, 1, 10, "cpu") is None
