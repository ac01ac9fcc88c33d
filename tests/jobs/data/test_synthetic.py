"""Made clips are real MP3 files with the competition's class shares, the same each time."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile

from jobs.data.synthetic import MadeClips, class_labels, write_clips
from jobs.errors import InputError


def test_class_shares_are_the_competitions() -> None:
    labels = class_labels(9508, np.random.default_rng(0))
    assert Counter(labels) == {3: 3485, 2: 2758, 1: 2424, 0: 841}


def test_clips_are_mp3_of_the_asked_length_and_come_out_the_same(tmp_path: Path) -> None:
    spec = MadeClips(train=20, test=8, seconds=6.0)
    for name in ("a", "b"):
        assert write_clips(tmp_path / name, spec)
    info = soundfile.info(tmp_path / "a" / "train_mp3s" / "0.mp3")
    assert (info.format, info.samplerate, info.duration) == ("MP3", 22_050, 6.0)
    for file in sorted((tmp_path / "a").rglob("*.*")):
        assert file.read_bytes() == (tmp_path / "b" / file.relative_to(tmp_path / "a")).read_bytes()


def test_the_same_clips_are_made_once(tmp_path: Path) -> None:
    spec = MadeClips(train=20, test=8, seconds=0.5)
    assert write_clips(tmp_path, spec)
    assert not write_clips(tmp_path, spec)
    assert write_clips(tmp_path, MadeClips(train=20, test=9, seconds=0.5))
    assert len(list((tmp_path / "test_mp3s").iterdir())) == 9


def test_somebody_elses_recordings_are_not_replaced(tmp_path: Path) -> None:
    mine = tmp_path / "train_mp3s" / "0.mp3"
    mine.parent.mkdir()
    mine.write_text("precious")
    with pytest.raises(InputError, match="was not made by us"):
        write_clips(tmp_path, MadeClips(train=20, test=8, seconds=0.5))
    assert mine.read_text() == "precious"
