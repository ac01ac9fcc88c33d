"""What an epoch draws: a pure function of seed, epoch, name and position."""

import numpy as np
import numpy.typing as npt
import pytest

from jobs.train.augment import AUGMENTATIONS
from jobs.train.augment.augmentation import Augmentation, Drawn, stream
from jobs.train.augment.mixup import Mixup
from jobs.train.augment.spec_augment import SpecAugment
from jobs.train.config import RunConfig

SHAPE = (64, 259)
NAMES = [kind.name for kind in AUGMENTATIONS]
ALL = RunConfig.parse({f"{name}_p": 1 for name in NAMES} | {"mask_bands": 63})
VISITS = 4000


def draw(
    augmentation: Augmentation, seed: int = 0, epoch: int = 1, visits: int = VISITS,
    shape: tuple[int, int] = SHAPE,
) -> Drawn:  # fmt: skip
    rng = np.random.default_rng(stream(seed, epoch, augmentation.name))
    return augmentation.draw(rng, visits, shape)


def column(name: str, config: RunConfig = ALL) -> npt.NDArray[np.float64]:
    """Return a column of whichever augmentation draws it."""
    drawn = [draw(augmentation) for augmentation in config.augmentations]
    return next(each[name] for each in drawn if name in each).astype(np.float64)


@pytest.mark.parametrize("augmentation", ALL.augmentations, ids=NAMES)
def test_a_row_depends_on_seed_epoch_and_position_alone(augmentation: Augmentation) -> None:
    long = draw(augmentation, seed=1, epoch=2, visits=50)
    short = draw(augmentation, seed=1, epoch=2, visits=20)
    assert set(augmentation.neutral) <= set(long)
    for name, values in short.items():
        np.testing.assert_array_equal(values, long[name][:20], err_msg=name)
    for seed, epoch in ((2, 2), (1, 3)):
        other = draw(augmentation, seed, epoch, visits=50)
        assert any((other[name] != values).any() for name, values in long.items())


def test_two_augmentations_draw_from_streams_of_their_own() -> None:
    first = [np.random.default_rng(stream(0, 1, name)).random(20) for name in NAMES]
    assert len({tuple(numbers) for numbers in first}) == len(NAMES)
    assert np.abs(np.atleast_2d(np.corrcoef(first))[0, 1:]).max() < 0.7


def test_values_fill_their_ranges_and_stay_in_them() -> None:
    shift, speed, noise = column("shift"), column("speed"), column("noise")
    assert (shift.min(), shift.max()) == (-129, 129)  # half of 259
    assert speed.min() == pytest.approx(0.85, abs=0.001)
    assert speed.max() == pytest.approx(1.15, abs=0.001)
    assert sorted(set(column("pitch"))) == [-3, -2, -1, 0, 1, 2, 3]
    assert 0 <= noise.min() < 0.01 < 0.29 < noise.max() <= 0.3
    assert 0.5 <= column("share").min() < 0.6
    assert column("share").max() <= 1
    assert 0.5 <= column("ratio").min() < 0.51 < 0.99 < column("ratio").max() <= 1
    assert 0.7 <= column("part").min() < 0.71 < 0.99 < column("part").max() <= 1
    assert (column("start") + column("part") * 258 <= 258 + 1e-6).all()
    assert (column("gain").min(), column("gain").max()) == pytest.approx((-6, 6), abs=0.05)
    assert column("band_width").max() == 63
    assert column("frame_width").max() == 25
    for name, size in (("band", 64), ("frame", 259)):
        start, width = column(f"{name}_start"), column(f"{name}_width")
        assert start.shape == (VISITS, 2)
        assert (start >= 0).all()
        assert (start + width).max() == size


def test_mixup_shares_are_beta_distributed() -> None:
    # Beta(1, 1) is uniform; the larger share is kept.
    share = draw(Mixup(mixup_p=1, mixup_alpha=1))["share"].astype(np.float64)
    assert share.mean() == pytest.approx(0.75, abs=0.01)
    assert (share < 0.625).mean() == pytest.approx(0.25, abs=0.03)


@pytest.mark.parametrize("name", NAMES)
def test_a_change_happens_with_its_probability(name: str) -> None:
    (augmentation,) = RunConfig.parse({f"{name}_p": 0.3}).augmentations
    drawn = draw(augmentation)
    changed = np.zeros(VISITS, dtype=bool)
    for each, neutral in augmentation.neutral.items():
        changed |= (drawn[each].reshape(VISITS, -1) != neutral).any(axis=1)
    # One of seven pitches is 0, and so is a mask now and then.
    expected = 0.3 * 6 / 7 if name == "pitch" else 0.3
    assert changed.mean() == pytest.approx(expected, abs=0.03)


def test_a_single_frame_is_never_masked() -> None:
    drawn = draw(SpecAugment(mask_p=1), shape=(194, 1))
    assert drawn["frame_width"].max() == 0
    assert drawn["band_width"].max() == 8
