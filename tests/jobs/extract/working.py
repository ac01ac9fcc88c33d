"""What workers are asked, and whether they answered rightly."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from jobs.extract.audio.decode import decode
from jobs.extract.clip_features import ClipFeatures
from jobs.extract.config import FeatureConfig
from jobs.extract.features.analysis import compute
from jobs.extract.workers.request import WorkRequest

CONFIG = FeatureConfig(seconds=0.5, n_fft=512, n_mels=16)


def requests(paths: Sequence[Path]) -> list[WorkRequest]:
    return [WorkRequest(path, (0,)) for path in paths]


def require_right(paths: Sequence[Path], records: Sequence[ClipFeatures], bad: set[int]) -> None:
    """Each good clip has its very own features, each bad one none and a reason."""
    assert len(records) == len(paths)
    for number, (path, record) in enumerate(zip(paths, records, strict=True)):
        if number in bad:
            assert record.features == (None,)
            assert record.reason
        else:
            expected = compute(decode(path, CONFIG)[0], CONFIG)
            np.testing.assert_array_equal(record.features[0], expected)


def children(pid: int) -> list[int]:
    return [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
