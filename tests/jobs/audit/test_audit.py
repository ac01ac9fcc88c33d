"""The audit finds what was planted, and nothing else."""

import csv
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from jobs.audit.duplicates import EXACT, NEAR, Duplicate, suggested_groups
from jobs.audit.files import is_audited, write_findings
from jobs.audit.findings import Findings
from jobs.data.layouts import read_data
from jobs.data.manifest import Clip
from jobs.data.synthetic import MadeClips, write_clips
from jobs.extract.config import FeatureConfig
from jobs.extract.feature_set import FeatureSet
from jobs.extract.index import build_index


def audited(data: Path, out: Path, features: str = "v1") -> tuple[Findings, FeatureSet]:
    manifest, config = read_data(data), FeatureConfig.checked({"features": features}, "")
    build_index(manifest, config, 2, out, cpus=2)
    feature_set = FeatureSet.open(out, manifest, config)
    return Findings.of(manifest, feature_set), feature_set


@pytest.fixture
def planted(tmp_path: Path) -> Path:
    """24 made clips to train, 8 to test, and in both copies of others."""
    data = tmp_path / "data"
    write_clips(data, MadeClips(train=24, test=8))
    train, test = data / "train_mp3s", data / "test_mp3s"
    labels = (data / "train_label.txt").read_text().split()

    def again(source: Path, target: Path, delay_s: float, level: float, gain: float) -> None:
        samples, rate = soundfile.read(source)
        delayed = np.concatenate([np.zeros(int(delay_s * rate)), samples])[: len(samples)]
        soundfile.write(target, gain * delayed, rate, format="MP3", compression_level=level)

    shutil.copy(train / "3.mp3", test / "8.mp3")
    again(train / "5.mp3", train / "24.mp3", delay_s=0.0, level=0.99, gain=1.0)
    again(train / "7.mp3", train / "25.mp3", delay_s=0.05, level=0.8, gain=0.5)
    again(test / "2.mp3", test / "9.mp3", delay_s=0.05, level=0.9, gain=1.0)
    other = "0" if labels[7] != "0" else "1"
    (data / "train_label.txt").write_text("\n".join([*labels, labels[5], other]) + "\n")
    return data


@pytest.mark.parametrize("features", ["v1", "v2"])
def test_planted_duplicates_are_found_and_no_others(
    planted: Path, tmp_path: Path, features: str
) -> None:
    found, _ = audited(planted, tmp_path / "out", features)
    test = len(found.manifest.labelled)
    pairs = {(pair.kind, pair.one, pair.other) for pair in found.duplicates}
    assert pairs == {
        (EXACT, 3, test + 8), (NEAR, 5, 24), (NEAR, 7, 25), (NEAR, test + 2, test + 9)
    }  # fmt: skip
    shifted = next(pair for pair in found.duplicates if pair.one == 7)
    assert shifted.shift_s == pytest.approx(0.05, abs=0.02)
    assert shifted.has_two_labels(found.manifest)
    assert found.groups == {5: "same-as-5", 24: "same-as-5", 7: "same-as-7", 25: "same-as-7"}
    assert len(found.warnings) == 3


def test_the_findings_are_written_for_people_and_programs(planted: Path, tmp_path: Path) -> None:
    found, features = audited(planted, tmp_path / "out")
    folder = tmp_path / "audit"
    assert not is_audited(folder, found.manifest, features)
    write_findings(folder, found, features)
    assert is_audited(folder, found.manifest, features)
    with (folder / "duplicates.csv").open(newline="") as file:
        assert [row["where"] for row in csv.DictReader(file)] == [
            "training and test", "training", "training", "test"
        ]  # fmt: skip
    with (folder / "clips.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 36
    assert {row["status"] for row in rows} == {"ok"}
    assert {float(row["duration_s"]) for row in rows} == {6.0}
    # The suggestion is a train.csv that the data folder takes as it is.
    shutil.copy(folder / "train.csv", planted / "train.csv")
    grouped = read_data(planted)
    assert [clip.label for clip in grouped.labelled] == [c.label for c in found.manifest.labelled]
    assert grouped.labelled[24].group == grouped.labelled[5].group == "same-as-5"


def test_bad_and_odd_clips_are_counted(own_clips: Path, tmp_path: Path) -> None:
    train = own_clips / "train_mp3s"
    (train / "0.mp3").write_text("no audio\n" * 99)
    (train / "1.mp3").write_bytes((train / "1.mp3").read_bytes()[:-1500])
    soundfile.write(train / "2.mp3", np.zeros(48_000), 48_000, format="MP3")
    soundfile.write(train / "3.mp3", np.zeros((8000, 2)), 8_000, format="MP3")
    summary = audited(own_clips, tmp_path / "out")[0].summary()
    assert summary["status"] == {"ok": 50, "partial": 1, "quarantined": 1}
    assert summary["quarantine"] == {"format not recognised: this is not audio": 1}
    assert summary["audio"]["sample_rate_hz"] == {"8000": 1, "22050": 49, "48000": 1}
    assert summary["audio"]["channels"] == {"1": 50, "2": 1}
    assert (summary["audio"]["silent"], summary["audio"]["mostly_silent"]) == (2, 2)
    assert summary["duplicates"] == {}


def clip(number: int, group: str | None = None) -> Clip:
    return Clip(str(number), f"{number}.mp3", 1, 1, label="x", group=group)


def test_groups_are_kept_and_joined_by_a_shared_recording() -> None:
    clips = [clip(0, "a"), clip(1, "b"), clip(2), clip(3), clip(4, "c"), clip(5)]
    pairs = [Duplicate(0, 3, NEAR), Duplicate(1, 3, NEAR), Duplicate(2, 9, EXACT)]
    groups = suggested_groups(clips, pairs)
    assert groups == {0: "a", 1: "a", 3: "a", 4: "c"}


def test_clips_that_sound_like_the_same_test_clip_are_one_group() -> None:
    pairs = [Duplicate(0, 9, NEAR), Duplicate(2, 9, NEAR)]
    groups = suggested_groups([clip(0), clip(1), clip(2)], pairs)
    assert groups == {0: "same-as-0", 2: "same-as-0"}


def test_empty_files_are_no_recording_that_occurs_twice(own_clips: Path, tmp_path: Path) -> None:
    for number in (0, 1):
        (own_clips / "train_mp3s" / f"{number}.mp3").write_bytes(b"")
    found, _ = audited(own_clips, tmp_path / "out")
    assert found.duplicates == ()


@pytest.mark.parametrize(
    "settings", [{"n_mels": 1}, {"hop_length": 20_000}, {"seconds": 0.1, "n_fft": 512}]
)
def test_small_spectrograms_harm_no_audit(
    made_clips: Path, tmp_path: Path, settings: dict[str, float]
) -> None:
    manifest, config = read_data(made_clips), FeatureConfig.checked(settings, "")
    build_index(manifest, config, 1, tmp_path, cpus=1)
    found = Findings.of(manifest, FeatureSet.open(tmp_path, manifest, config))
    assert found.duplicates == ()


@pytest.mark.clips
def test_real_clips_have_the_one_near_duplicate_that_they_have(
    real_clips: Path, tmp_path: Path
) -> None:
    """The names of recordings say so: two files of the same fire, uploaded twice."""
    found, _ = audited(real_clips, tmp_path)
    if len(found.manifest) != 400:
        pytest.skip("NOT RUN: knows the answer for the 400 clips of ESC-10 alone")
    paths = [
        tuple(found.manifest.clips[p].path for p in (d.one, d.other)) for d in found.duplicates
    ]
    assert paths == [("train_mp3s/200.mp3", "train_mp3s/304.mp3")]


def test_v3_alone_says_that_it_shows_no_near_duplicates(
    made_clips: Path, tmp_path: Path, write_mp3: Callable[..., Path]
) -> None:
    found, _ = audited(made_clips, tmp_path, "v3")
    assert found.compared_by is None
    assert "were not looked for" in found.warnings[-1]
