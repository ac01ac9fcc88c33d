"""Each change does what it says to a batch, and nothing to a clip that it should leave alone."""

from typing import ClassVar

import numpy as np
import pytest
import torch
from pydantic import Field
from torch import Tensor

from jobs.models.normalise import mean_and_deviation, normalised_anew
from jobs.train.augment import AUGMENTATIONS
from jobs.train.augment.augmentation import Augmentation, Batch, Drawn, Rows
from jobs.train.augment.crop import TimeCrop
from jobs.train.augment.epoch import EpochChanges
from jobs.train.augment.equaliser import Equaliser
from jobs.train.augment.mixing import Mixing, mixed_powers
from jobs.train.augment.mixup import Mixup
from jobs.train.augment.noise import Noise
from jobs.train.augment.pitch import Pitch
from jobs.train.augment.spec_augment import covered
from jobs.train.augment.speed import Speed
from jobs.train.augment.time_shift import TimeShift
from jobs.train.clips.storage import RawClips
from jobs.train.config import RunConfig

NAMES = [kind.name for kind in AUGMENTATIONS]
BLENDING = ("mixup", "mixing")
# Three clips of 4 bands and 5 frames whose values show band and frame.
X = (torch.arange(4.0)[:, None] * 10 + torch.arange(5.0)).expand(3, 1, 4, 5).contiguous()
LABELS = torch.tensor([0, 1, 2])


class Louder(Augmentation):
    """A newcomer that works on decibels."""

    name: ClassVar[str] = "louder"
    title: ClassVar[str] = "louder"
    scale = "raw"
    neutral: ClassVar[dict[str, float]] = {"decibels": 0}

    louder_p: float = Field(0, ge=0, le=1)

    def draw(self, rng: np.random.Generator, visits: int, shape: tuple[int, int]) -> Drawn:
        hit, how_much = rng.random((visits, 2)).T
        return {"decibels": np.where(self.hits(hit), 40 * how_much, 0)}

    def apply(self, batch: Batch, rows: Rows) -> Batch:
        # What is quieter than its floor stays there.
        x = (batch.features + rows["decibels"][:, None, None, None]).clamp(max=0)
        return Batch(x, batch.targets, batch.labels)


def applied(augmentation: Augmentation, x: Tensor, **columns: Tensor) -> Batch:
    rows = Rows(columns, torch.Generator().manual_seed(0), classes=3)
    labels = torch.arange(len(x)) % 3
    return augmentation.apply(Batch(x, labels, labels), rows)


def epoch_of(augmentations: tuple[Augmentation, ...], visits: int) -> EpochChanges:
    return EpochChanges(augmentations, (64, 259), 4, seed=0, epoch=1, visits=visits, device="cpu")


def raw(clips: int, seed: int = 0) -> RawClips:
    """Return clips in decibels with the numbers that normalise them."""
    x = np.random.default_rng(seed).normal(-60, 10, (clips, 1, 64, 259)).astype(np.float32)
    return RawClips(torch.from_numpy(x), *map(torch.from_numpy, mean_and_deviation(x)))


def test_time_shift_rolls_to_the_right() -> None:
    moved = applied(TimeShift(), X, shift=torch.tensor([0, 2, -1])).features
    assert torch.equal(moved[0], X[0])
    assert moved[1, 0, 1].tolist() == [13, 14, 10, 11, 12]
    assert moved[2, 0, 1].tolist() == [11, 12, 13, 14, 10]


def test_speed_resamples_linearly_between_frames() -> None:
    changed = applied(Speed(), X, speed=torch.tensor([1.0, 0.5, 2.0])).features
    assert torch.equal(changed[0], X[0])
    assert changed[1, 0, 0].tolist() == [0, 0.5, 1, 1.5, 2]
    assert changed[2, 0, 0].tolist() == [0, 2, 4, 1, 3]  # ended early, and begun again


def test_pitch_moves_bands_up_and_repeats_the_outermost() -> None:
    moved = applied(Pitch(), X, pitch=torch.tensor([0, 1, -2])).features
    assert torch.equal(moved[0], X[0])
    assert moved[1, 0, :, 0].tolist() == [0, 0, 10, 20]
    assert moved[2, 0, :, 0].tolist() == [20, 30, 30, 30]


def test_noise_is_gaussian_of_its_deviation_and_differs_from_clip_to_clip() -> None:
    silence = torch.zeros(3, 1, 64, 259)
    noisy = applied(Noise(), silence, noise=torch.tensor([0.0, 0.5, 0.5])).features
    assert not noisy[0].any()
    values = noisy[1].double().flatten()
    assert values.mean() == pytest.approx(0, abs=0.02)
    assert values.std() == pytest.approx(0.5, rel=0.02)
    assert (values.abs() > 1).double().mean() == pytest.approx(0.0455, rel=0.15)
    assert abs(np.corrcoef(noisy[1].flatten(), noisy[2].flatten())[0, 1]) < 0.03


def test_an_epoch_that_is_repeated_has_the_same_noise_and_another_one_another() -> None:
    noise, clips = (Noise(noise_p=1, noise_max=1),), raw(4)
    labels = torch.zeros(4, dtype=torch.int64)

    def batches(epoch: int) -> list[Tensor]:
        changes = EpochChanges(noise, (64, 259), 4, 0, epoch, visits=8, device="cpu")
        return [changes.apply(offset, clips, labels).features for offset in (0, 4)]

    assert all(map(torch.equal, batches(1), batches(1)))
    first, second = batches(1)
    assert not torch.equal(first, second)  # two copies of a clip differ
    assert not torch.equal(first, batches(2)[0])


def test_a_crop_is_stretched_to_the_whole_clip() -> None:
    part, start = torch.tensor([1.0, 0.5, 0.5]), torch.tensor([0.0, 0.0, 2.0])
    cropped = applied(TimeCrop(), X, part=part, start=start).features
    assert torch.equal(cropped[0], X[0])
    assert cropped[1, 0, 1].tolist() == [10, 10.5, 11, 11.5, 12]
    assert cropped[2, 0, 0].tolist() == [2, 2.5, 3, 3.5, 4]


def test_an_equaliser_adds_decibels_below_the_peak_and_leaves_silence_silent() -> None:
    x = torch.tensor([[0.0, -20], [-30, -80]]).expand(3, 1, 2, 2)
    gain = torch.tensor([[0.0, 0], [-6, 6], [0, 60]])
    changed = applied(Equaliser(), x, gain=gain).features
    assert torch.equal(changed[0], x[0])
    assert changed[1, 0].tolist() == [[0, -20], [-18, -80]]  # 6 dB up, for the peak is at 0 again
    assert changed[2, 0].tolist() == [[-30, -50], [0, -80]]  # what lay at the floor stays there
    silence = torch.zeros(1, 1, 2, 2)
    assert torch.equal(applied(Equaliser(), silence, gain=gain[1:2]).features, silence)


def test_powers_of_mixed_clips_add_as_tokozumes_waveforms_are_expected_to() -> None:
    """Recomputed on waveforms: their mean power over many random phases."""
    rng, ratio = np.random.default_rng(0), 0.7
    amplitudes = np.array([[1.0, 0.5, 0.1], [0.2, 1.0, 0.4]])  # of three tones in two clips
    levels = np.sqrt((amplitudes**2).mean(axis=1))
    p = 1 / (1 + levels[0] / levels[1] * (1 - ratio) / ratio)
    phases = np.exp(2j * np.pi * rng.random((200_000, 2, 3)))
    waves = p * amplitudes[0] * phases[:, 0] + (1 - p) * amplitudes[1] * phases[:, 1]
    expected = 10 * np.log10((np.abs(waves) ** 2).mean(axis=0))
    first, second = torch.from_numpy(20 * np.log10(amplitudes)).float().view(2, 1, 1, 3, 1)
    mixed = mixed_powers(first, second, torch.tensor(ratio).view(1, 1, 1, 1)).flatten()
    assert mixed.max() == 0
    np.testing.assert_allclose(mixed.numpy(), expected - expected.max(), atol=0.05)


def test_mixing_blends_targets_by_what_is_heard_and_lets_silence_be() -> None:
    loud, other = torch.tensor([[0.0, -40]]), torch.tensor([[-40.0, 0]])
    x = torch.stack([loud, other, torch.zeros(1, 2)]).view(3, 1, 1, 2)  # the last is silence
    ratio, partner = torch.tensor([0.75, 1.0, 0.5]), torch.tensor([0.5, 0.0, 0.0])
    mixed = applied(Mixing(), x, ratio=ratio, partner=partner)
    assert mixed.targets.tolist() == [[0.75, 0.25, 0], [0, 1, 0], [0, 0, 1]]
    # Both are as loud, so that p = r: 0.75^2 against 0.25^2 is 9.54 dB.
    assert mixed.features[0].flatten().tolist() == pytest.approx([0, -9.54], abs=0.01)
    assert torch.equal(mixed.features[1:], x[1:])


def test_mixup_blends_features_and_targets_alike() -> None:
    x = torch.tensor([0.0, 1.0, 2.0]).view(3, 1, 1, 1)
    share, partner = torch.tensor([1.0, 0.75, 0.5]), torch.tensor([0.9, 0.0, 0.5])
    blended = applied(Mixup(), x, share=share, partner=partner)
    assert blended.features.flatten().tolist() == [0, 0.75, 1.5]
    assert blended.targets.tolist() == [[1, 0, 0], [0.25, 0.75, 0], [0, 0.5, 0.5]]
    assert blended.labels.tolist() == [0, 1, 2]


def test_the_last_partner_is_the_last_of_the_batch_however_it_is_rounded() -> None:
    partner = torch.tensor([1 - 2.0**-30, 0.0], dtype=torch.float64).float()
    assert partner[0] == 1
    x = torch.tensor([0.0, 1.0]).view(2, 1, 1, 1)
    blended = applied(Mixup(), x, share=torch.tensor([0.5, 1.0]), partner=partner)
    assert blended.features.flatten().tolist() == [0.5, 1]


def test_masks_cover_stripes() -> None:
    ones = torch.ones(2, 1, 4, 5)
    start, width = torch.tensor([[1, 3], [0, 0]]), torch.tensor([[1, 1], [0, 0]])
    masked = covered(ones, start, width, dim=2)
    assert masked[0, 0, :, 0].tolist() == [1, 0, 1, 0]
    assert torch.equal(masked[1], ones[1])
    assert covered(ones, start, width, dim=3)[0, 0, 0].tolist() == [1, 0, 1, 0, 1]


@pytest.mark.parametrize("name", NAMES)
def test_a_change_leaves_clips_alone_that_it_does_not_hit_and_changes_the_others(name: str) -> None:
    clips, labels = raw(200), torch.arange(200) % 4
    augmentations = RunConfig.parse({f"{name}_p": 0.5}).augmentations
    batch = epoch_of(augmentations, 200).apply(0, clips, labels)
    same = (batch.features == clips.normalised()).flatten(1).all(dim=1)
    assert 60 < same.sum() < 140
    if name in BLENDING:
        assert torch.equal(batch.targets[same].argmax(dim=1), labels[same])
        assert torch.allclose(batch.targets.sum(dim=1), torch.ones(200))
    else:
        assert torch.equal(batch.targets, labels)


def test_a_batch_takes_the_rows_of_its_offset_in_the_epoch() -> None:
    # What blends looks at the batch, and noise is drawn batch by batch.
    names = [name for name in NAMES if name not in (*BLENDING, "noise")]
    augmentations = RunConfig.parse({f"{name}_p": 1 for name in names}).augmentations
    clips, labels = raw(10), torch.zeros(10, dtype=torch.int64)
    changes = epoch_of(augmentations, 10)
    whole = changes.apply(0, clips, labels).features
    parts = [changes.apply(n, clips.at(torch.arange(n, n + 4)), labels[:4]) for n in (0, 4)]
    assert torch.equal(torch.cat([part.features for part in parts]), whole[:8])


def test_without_changes_a_batch_is_only_normalised() -> None:
    clips, labels = raw(3), torch.tensor([0, 1, 2])
    batch = epoch_of((), 3).apply(0, clips, labels)
    assert torch.equal(batch.features, clips.normalised())
    assert batch.targets is labels


def test_a_new_augmentation_moves_no_number_of_the_others() -> None:
    others = RunConfig.parse({f"{name}_p": 0.5 for name in NAMES}).augmentations
    clips, labels = raw(20), torch.arange(20) % 4
    before = epoch_of(others, 20).apply(0, clips, labels)
    # It is on, draws, and happens to change nothing.
    newcomer = Louder(louder_p=1e-300)
    after = epoch_of((*others[:2], newcomer, *others[2:]), 20)
    columns = {a.name: found for a, found, _ in after.drawn}
    for augmentation, found, _ in epoch_of(others, 20).drawn:
        for name, values in found.items():
            assert torch.equal(values, columns[augmentation.name][name])
    changed = after.apply(0, clips, labels)
    # Clips that a change may have touched on their raw scale are normalised by their own numbers.
    torch.testing.assert_close(changed.features, before.features, atol=2e-5, rtol=2e-5)


def test_a_change_on_the_raw_scale_sees_decibels_and_is_normalised_afterwards() -> None:
    clips = raw(8)
    changes = epoch_of((Louder(louder_p=1),), 8)
    batch = changes.apply(0, clips, torch.zeros(8, dtype=torch.int64))
    decibels = changes.drawn[0][1]["decibels"]
    louder = (clips.features + decibels[:, None, None, None]).clamp(max=0)
    assert torch.equal(batch.features, normalised_anew(louder))
    assert batch.features.mean(dim=(1, 2, 3)).abs().max() < 1e-4
