"""How many bad clips are too many."""

from pathlib import Path

import numpy as np
import pytest

from jobs.data.dataset import LABELLED, TEST, Dataset
from jobs.data.manifest import Clip, Manifest
from jobs.errors import DamagedFileError, InputError
from jobs.extract.config import FeatureConfig
from jobs.extract.quarantine import Limits, Quarantine
from jobs.extract.store.feature_set import FeatureSet

EMPTY = "the file is empty (0 bytes)"


def feature_set(clips: int, reasons: dict[int, str], features: str = "v1") -> FeatureSet:
    row = np.arange(clips, dtype=np.int64)
    row[list(reasons)] = -1
    shard = np.zeros(clips, dtype=np.int32)
    config = FeatureConfig(features=features)
    return FeatureSet(Path("/f"), config, shard, row, np.array([1]), reasons)


def data(labelled: int, test: int = 0) -> Dataset:
    clips = tuple(Clip(str(n), f"{n}.mp3", label=str(n % 2)) for n in range(labelled))
    others = tuple(Clip(str(n), f"test/{n}.mp3") for n in range(test))
    return Dataset(Manifest(Path("/data"), clips), Manifest(Path("/data"), others))


def judged(clips: int, bad: int, limits: Limits) -> None:
    dataset = data(clips)
    features = feature_set(clips, dict.fromkeys(range(bad), EMPTY))
    quarantine = Quarantine.of(dataset, [(LABELLED, features)])
    quarantine.require_usable(dataset, range(clips), limits)


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


def test_a_clip_is_one_clip_however_many_sets_lack_it(tmp_path: Path) -> None:
    dataset, reasons = data(100, test=50), dict.fromkeys(range(7), EMPTY)
    sets = [
        (LABELLED, feature_set(100, reasons)),
        (LABELLED, feature_set(100, reasons, "v2")),
        (TEST, feature_set(50, {3: "another"})),
    ]
    quarantine = Quarantine.of(dataset, sets)
    assert [row.features for row in quarantine.rows] == [("v1", "v2")] * 7 + [("v1",)]
    quarantine.require_usable(dataset, range(100), Limits(bad_clips=0))
    path = tmp_path / "quarantine.csv"
    assert not quarantine.is_written(path)
    quarantine.save(path)
    assert Quarantine.load(path) == quarantine
    assert quarantine.is_written(path)
    assert not Quarantine(quarantine.rows[1:]).is_written(path)


def test_a_test_clip_of_the_same_id_takes_no_training_clip_away() -> None:
    dataset = data(2, test=2)
    quarantine = Quarantine.of(dataset, [(TEST, feature_set(2, {0: EMPTY, 1: EMPTY}))])
    quarantine.require_usable(dataset, range(2), Limits())


def test_another_file_is_no_quarantine(tmp_path: Path) -> None:
    (tmp_path / "quarantine.csv").write_text("a,b\n")
    with pytest.raises(DamagedFileError, match="launch again"):
        Quarantine.load(tmp_path / "quarantine.csv")
