"""How many bad clips are too many."""

from pathlib import Path

import numpy as np
import pytest

from jobs.data.manifest import Clip, Manifest
from jobs.errors import InputError
from jobs.extract.config import FeatureConfig
from jobs.extract.feature_set import FeatureSet
from jobs.extract.quarantine import Limits, require_usable


def judged(clips: int, bad: int, limits: Limits) -> None:
    labelled = tuple(Clip(str(n), f"{n}.mp3", 1, 1, label=str(n % 2)) for n in range(clips))
    manifest = Manifest(Path("/data"), labelled, (), ("0", "1"))
    row = np.arange(clips, dtype=np.int64)
    row[:bad] = -1
    reasons = dict.fromkeys(range(bad), "the file is empty (0 bytes)")
    shard = np.zeros(clips, dtype=np.int32)
    features = FeatureSet(Path("/f"), FeatureConfig(), shard, row, np.array([1]), reasons)
    require_usable(manifest, range(clips), features, limits)


@pytest.mark.parametrize(
    ("clips", "bad", "limits"),
    [
        (100, 0, Limits(strict=True)),
        (100, 9, Limits()),
        (200, 10, Limits()),
        (1000, 50, Limits()),
        (100, 60, Limits(bad_clips=0.6)),
    ],
)
def test_few_bad_clips_are_allowed(clips: int, bad: int, limits: Limits) -> None:
    judged(clips, bad, limits)


@pytest.mark.parametrize(
    ("clips", "bad", "limits", "said"),
    [
        (100, 1, Limits(strict=True), r"1 of 100 clips cannot be used, and --strict allows none"),
        (100, 10, Limits(), r"10 of 100 .* `bad_clips: 0\.05` allows 5 %"),
        (1000, 51, Limits(), r"51 of 1000 .* raise `bad_clips` in the grid or with --set"),
        (1000, 10, Limits(bad_clips=0), r"'0\.mp3': the file is empty"),
    ],
)
def test_too_many_are_refused_with_the_remedy(
    clips: int, bad: int, limits: Limits, said: str
) -> None:
    with pytest.raises(InputError, match=said):
        judged(clips, bad, limits)
