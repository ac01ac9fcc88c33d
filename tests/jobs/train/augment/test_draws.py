"""The table of an epoch: a pure function of seed, epoch and position."""

from dataclasses import fields

import pytest
import torch
from jobs.train.augment.table import Table, draw_table
from jobs.train.settings.augmentation import KINDS

from jobs.train.config import RunConfig

SHAPE = (64, 259)
ALL = RunConfig.checked({f"{kind}_p": 1 for kind in KINDS} | {"mask_bands": 63}, "test")
VISITS = 4000


def columns(table: Table) -> dict[str, torch.Tensor]:
    return {field.name: getattr(table, field.name) for field in fields(table)}


def test_a_row_depends_on_seed_epoch_and_position_alone() -> None:
    long = columns(draw_table(ALL, SHAPE, seed=1, epoch=2, visits=50))
    short = columns(draw_table(ALL, SHAPE, seed=1, epoch=2, visits=20))
    for name, values in short.items():
        assert torch.equal(values, long[name][:20]), name
    for seed, epoch in ((2, 2), (1, 3)):
        other = columns(draw_table(ALL, SHAPE, seed, epoch, visits=50))
        assert not torch.equal(other["noise_seed"], long["noise_seed"])
        assert not torch.equal(other["shift"], long["shift"])
    assert len(set(long["noise_seed"].tolist())) == 50  # two copies of a clip differ


def test_values_fill_their_ranges_and_stay_in_them() -> None:
    table = draw_table(ALL, SHAPE, seed=0, epoch=1, visits=VISITS)
    assert table.shift.min() == -129  # half of 259
    assert table.shift.max() == 129
    assert table.speed.min() == pytest.approx(0.85, abs=0.001)
    assert table.speed.max() == pytest.approx(1.15, abs=0.001)
    assert sorted(table.pitch.unique().tolist()) == [-3, -2, -1, 0, 1, 2, 3]
    assert 0 <= table.noise.min() < 0.01 < 0.29 < table.noise.max() <= 0.3
    assert 0.5 <= table.share.min() < 0.6
    assert table.share.max() <= 1
    assert table.band_width.max() == 63
    assert table.frame_width.max() == 25
    for start, width, size in (
        (table.band_start, table.band_width, 64),
        (table.frame_start, table.frame_width, 259),
    ):
        assert start.shape == (VISITS, 2)
        assert (start >= 0).all()
        assert (start + width).max() == size


def test_mixup_shares_are_beta_distributed() -> None:
    config = RunConfig(mixup_p=1, mixup_alpha=1)  # Beta(1, 1) is uniform; the larger share is kept
    share = draw_table(config, SHAPE, seed=0, epoch=1, visits=VISITS).share
    assert share.mean() == pytest.approx(0.75, abs=0.01)
    assert (share < 0.625).double().mean() == pytest.approx(0.25, abs=0.03)


@pytest.mark.parametrize("kind", KINDS)
def test_a_change_happens_with_its_probability(kind: str) -> None:
    config = RunConfig.checked({f"{kind}_p": 0.3}, "test")
    table = draw_table(config, SHAPE, seed=0, epoch=1, visits=VISITS)
    changed = {
        "shift": table.shift != 0,
        "speed": table.speed != 1,
        "pitch": table.pitch != 0,
        "noise": table.noise != 0,
        "mixup": table.share != 1,
        "mask": (table.band_width + table.frame_width).sum(dim=1) > 0,
    }
    # One of seven pitches is 0, and so is a mask now and then.
    expected = 0.3 * 6 / 7 if kind == "pitch" else 0.3
    assert changed[kind].double().mean() == pytest.approx(expected, abs=0.03)
    assert not any(changes.any() for name, changes in changed.items() if name != kind)


def test_a_single_frame_is_never_masked() -> None:
    table = draw_table(RunConfig(features="v3", mask_p=1), (194, 1), 0, 1, VISITS)
    assert table.frame_width.max() == 0
    assert table.band_width.max() == 8
