"""How each visit of an epoch is changed, drawn once from (seed, epoch, position)."""

from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt
import torch
from scipy.special import betaincinv
from torch import Tensor

from jobs.train.settings.augmentation import AugmentationConfig

_STREAM = 2  # 0 and 1 are the order's
# Random numbers of one visit that are not of a single mask: two each for shift, speed and pitch,
# three each for noise and mixup, and whether there are masks.
_SCALARS = 13


@dataclass(frozen=True)
class Table:
    """A row for each visit, in the order of the epoch; the values of an unchanged one do nothing.

    Attributes:
        shift: int64 [visits], frames to the right.
        speed: float32 [visits], 1 is as recorded.
        pitch: int64 [visits], bands upward.
        noise: float32 [visits], standard deviation of the noise.
        noise_seed: int64 [visits].
        share: float32 [visits], of the clip itself in mixup; 1 is no mixup.
        partner: float32 [visits] in [0, 1], which clip of the batch is mixed in.
        band_start, band_width: int64 [visits, masks].
        frame_start, frame_width: int64 [visits, masks].
    """

    shift: Tensor
    speed: Tensor
    pitch: Tensor
    noise: Tensor
    noise_seed: Tensor
    share: Tensor
    partner: Tensor
    band_start: Tensor
    band_width: Tensor
    frame_start: Tensor
    frame_width: Tensor

    def rows(self, start: int, stop: int) -> "Table":
        """Return the rows of the visits `start` to `stop`."""
        return Table(**{f.name: getattr(self, f.name)[start:stop] for f in fields(self)})


def draw_table(
    config: AugmentationConfig,
    shape: tuple[int, int],
    seed: int,
    epoch: int,
    visits: int,
    device: str = "cpu",
) -> Table:
    """Draw an epoch's table.

    A row depends on (seed, epoch, its position) and not on how many rows there are.

    Args:
        config: probabilities and ranges.
        shape: bands and frames of a clip.
        seed: of the run.
        epoch: from 1.
        visits: rows.
        device: where the table is used.
    """
    bands, frames = shape
    rng = np.random.default_rng([seed, epoch, _STREAM])
    # float64 [visits, columns] in [0, 1), filled row by row: so rows do not depend on `visits`.
    uniform = rng.random((visits, _SCALARS + 4 * config.masks))
    scalars = iter(uniform[:, :_SCALARS].T)

    def happens(probability: float) -> npt.NDArray[np.bool_]:
        return next(scalars) < probability

    def between(low: float, high: float) -> npt.NDArray[np.float64]:
        return low + (high - low) * next(scalars)

    reach = config.shift_max * frames
    columns = {
        "shift": np.where(happens(config.shift_p), np.rint(between(-reach, reach)), 0).astype(int),
        "speed": np.where(
            happens(config.speed_p), between(1 - config.speed_max, 1 + config.speed_max), 1
        ),
        "pitch": np.where(
            happens(config.pitch_p), _whole(-config.pitch_max, config.pitch_max, next(scalars)), 0
        ),
        "noise": np.where(happens(config.noise_p), between(0, config.noise_max), 0),
        "noise_seed": (next(scalars) * 2**53).astype(np.int64),
        "share": _share(config, happens(config.mixup_p), next(scalars)),
        "partner": next(scalars),
    }
    # Never a mask of everything: the single frame of v3 stays.
    masked = happens(config.mask_p)[:, None]
    masks = uniform[:, -4 * config.masks :].reshape(visits, 4, config.masks)
    for name, (start, width), size, widest in (
        ("band", masks[:, 0:2].swapaxes(0, 1), bands, config.mask_bands),
        ("frame", masks[:, 2:4].swapaxes(0, 1), frames, config.mask_frames),
    ):
        widths = np.where(masked, _whole(0, min(widest, size - 1), width), 0)
        columns[f"{name}_width"] = widths
        columns[f"{name}_start"] = np.floor(start * (size - widths + 1)).astype(np.int64)
    return Table(**{name: _tensor(values, device) for name, values in columns.items()})


def _whole(low: int, high: int, uniform: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """Return whole numbers from `low` to `high`, both included."""
    return (low + np.floor(uniform * (high - low + 1))).astype(np.int64)


def _share(
    config: AugmentationConfig, mixed: npt.NDArray[np.bool_], uniform: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Return the clip's own share: Beta distributed, and never the smaller of the two."""
    beta = betaincinv(config.mixup_alpha, config.mixup_alpha, uniform)
    return np.where(mixed, np.maximum(beta, 1 - beta), 1)


def _tensor(values: npt.NDArray[np.generic], device: str) -> Tensor:
    kind = np.float32 if np.issubdtype(values.dtype, np.floating) else np.int64
    return torch.from_numpy(np.ascontiguousarray(values, dtype=kind)).to(device)
