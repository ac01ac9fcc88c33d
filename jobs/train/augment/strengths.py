"""`augment: light` in a grid: all changes to training clips at a strength that has a name.

A strength gives settings of augmentations; whatever a grid says of one of them itself is kept.
"""

from collections.abc import Mapping
from typing import Any

from jobs.errors import InputError, quoted

AUGMENT = "augment"
# Of a clip's frames one mask covers at most this share, as the p of Park et al. 2019 limits it:
# 25 frames are a tenth of six seconds and half of one second, of which too little would be left.
MASKED_SHARE = 0.1


def strengths(frames: int) -> dict[str, dict[str, Any]]:
    """Return settings by the name of their strength, for clips of so many frames."""
    masked = max(1, int(MASKED_SHARE * frames))
    return {
        "none": {},
        "light": {
            "crop_p": 0.5, "crop_min": 0.8,
            "equaliser_p": 0.5, "equaliser_db": 3,
            "shift_p": 0.5, "shift_max": 0.5,
            "mask_p": 0.5, "masks": 1, "mask_bands": 8, "mask_frames": masked,
        },
        "strong": {
            "crop_p": 0.5, "crop_min": 0.6,
            "equaliser_p": 0.5, "equaliser_db": 6,
            "mixing_p": 0.5,
            "shift_p": 0.5, "shift_max": 0.5,
            "speed_p": 0.5, "speed_max": 0.15,
            "pitch_p": 0.5, "pitch_max": 2,
            "mask_p": 0.5, "masks": 2, "mask_bands": 8, "mask_frames": masked,
        },
    }  # fmt: skip


def with_strength(settings: Mapping[str, Any], frames: int, where: str) -> dict[str, Any]:
    """Return flat settings in which the strength's name is replaced by what it stands for.

    Args:
        settings: of a run, by name.
        frames: of a clip's features.
        where: `augment` was written, for messages.

    Raises:
        InputError: there is no such strength.
    """
    wanted = settings.get(AUGMENT, "none")
    known = strengths(frames)
    if not isinstance(wanted, str) or wanted not in known:
        raise InputError(f"{where}: `{AUGMENT}` must be {', '.join(known)}; got {quoted(wanted)}")
    own = {name: value for name, value in settings.items() if name != AUGMENT}
    return known[wanted] | own
