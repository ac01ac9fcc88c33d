"""The audit finds what was planted, and nothing else."""

import csv
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from jobs.audit.clusters import Cluster, clusters, suggested_groups
from jobs.audit.duplicates import EXACT, NEAR, Duplicate
from jobs.audit.files import audit, write_findings
from jobs.audit.findings import Findings, audit_dataset
from jobs.audit.joined import JoinedFeatures
from jobs.audit.summary import AuditSummary, folders_of
from jobs.data.dataset import Dataset
from jobs.data.layouts import read_data
from jobs.data.manifest import Clip
from jobs.data.synthetic import MadeClips, write_clips
from jobs.errors import DamagedFileError
from jobs.extract.config import FeatureConfig
from jobs.extract.extraction import Extraction
from jobs.extract.store.feature_set import FeatureSet
from jobs.extract.store.feature_store import FeatureStore


def feature_sets(dataset: Dataset, out: Path, **settings: object) -> dict[str, FeatureSet]:
    store, config = FeatureStore(out), FeatureConfig.checked(settings, "")
    for manifest in dataset.sides.values():
        Extraction(store, manifest, [config], 2).index(cpus=2)
    return {side: store.open(manifest, config) for side, manifest in dataset.sides.items()}


def audited(data: Path, out: Path, **settings: object) -> tuple[Findings, dict[str, FeatureSet]]:
    dataset = read_data(data)
    sets = feature_sets(dataset, out, **settings)
    return audit_dataset(dataset, sets), sets


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
    found, _ = audited(planted, tmp_path / "out", features=features)
    test = len(found.dataset.labelled)
    pairs = {(pair.kind, pair.one, pair.other) for pair in found.duplicates}
    assert pairs == {
        (EXACT, 3, test + 8), (NEAR, 5, 24), (NEAR, 7, 25), (NEAR, test + 2, test + 9)
    }  # fmt: skip
    shifted = next(pair for pair in found.duplicates if pair.one == 7)
    assert shifted.shift_s == pytest.approx(0.05, abs=0.02)
    (both,) = (each for each in found.clusters if 7 in each.positions)
    assert len(both.labels(found.clips)) == 2
    assert found.groups == {5: "same-as-5", 24: "same-as-5", 7: "same-as-7", 25: "same-as-7"}
    assert len(found.warnings) == 3


def test_the_findings_are_written_for_people_and_programs(planted: Path, tmp_path: Path) -> None:
    found, sets = audited(planted, tmp_path / "out")
    folder, dataset = tmp_path / "audit", found.dataset
    assert not AuditSummary.current(folder, dataset, folders_of(sets))
    write_findings(folder, found)
    assert AuditSummary.current(folder, dataset, folders_of(sets))
    assert AuditSummary.load(folder) == found.summary()
    with (folder / "duplicates.csv").open(newline="") as file:
        recordings = list(csv.DictReader(file))
    assert [row["where"] for row in recordings] == [
        "training and test", "training", "training", "test"
    ]  # fmt: skip
    assert recordings[0]["paths"] == "train_mp3s/3.mp3\ntest_mp3s/8.mp3"
    with (folder / "clips.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 36
    assert [row["path"] for row in rows if row["recording"] == "1"] == [
        "train_mp3s/3.mp3", "test_mp3s/8.mp3"
    ]  # fmt: skip
    assert {row["status"] for row in rows} == {"ok"}
    assert {float(row["duration_s"]) for row in rows} == {6.0}
    assert {row["codec"] for row in rows} == {"MP3/MPEG_LAYER_III"}
    assert {row["subset"] for row in rows} == {"labelled", "test"}
    assert all(0 < float(row["rms"]) < float(row["peak"]) for row in rows)
    assert all(8_000 < int(row["bit_rate"]) < 320_000 for row in rows)
    # The suggestion is a train.csv that the data folder takes as it is.
    shutil.copy(folder / "train.csv", planted / "train.csv")
    grouped = read_data(planted).labelled.clips
    assert [clip.label for clip in grouped] == [clip.label for clip in dataset.labelled.clips]
    assert grouped[24].group == grouped[5].group == "same-as-5"


def test_bad_and_odd_clips_are_counted(own_clips: Path, tmp_path: Path) -> None:
    train = own_clips / "train_mp3s"
    (train / "0.mp3").write_text("no audio\n" * 99)
    (train / "1.mp3").write_bytes((train / "1.mp3").read_bytes()[:-1500])
    soundfile.write(train / "2.mp3", np.zeros(48_000), 48_000, format="MP3")
    soundfile.write(train / "3.mp3", np.zeros((8000, 2)), 8_000, format="MP3")
    summary = audited(own_clips, tmp_path / "out")[0].summary()
    status, audio = summary.status, summary.audio
    assert (status.ok, status.partial, status.quarantined) == (50, 1, 1)
    assert summary.quarantine == {"format not recognised: this is not audio": 1}
    assert audio.sample_rate_hz == {"8000": 1, "22050": 49, "48000": 1}
    assert audio.channels == {"1": 50, "2": 1}
    assert audio.codec == {"MP3/MPEG_LAYER_III": 51}
    assert (audio.silent, audio.mostly_silent) == (2, 2)
    assert summary.duplicates == {}


def clip(number: int, group: str | None = None) -> Clip:
    return Clip(str(number), f"{number}.mp3", label="x", group=group)


def test_twenty_copies_are_one_recording() -> None:
    copies = [Duplicate(0, n, EXACT) for n in range(1, 10)]
    copies += [Duplicate(n, n + 10, NEAR, 0.9, -0.1) for n in range(10)]
    clips = [clip(n) for n in range(15)] + [Clip(str(n), f"{n}.mp3") for n in range(15, 22)]
    (found,) = clusters([*copies, Duplicate(20, 21, EXACT)][:-1])
    assert found == Cluster(tuple(range(20)), NEAR, 0.9, -0.1)
    assert (found.where(clips), found.labels(clips)) == ("training and test", ["x"])
    assert len(clusters([*copies, Duplicate(20, 21, EXACT)])) == 2
    assert clusters([]) == ()


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
    made_clips: Path, tmp_path: Path, settings: dict[str, object]
) -> None:
    found, _ = audited(made_clips, tmp_path, **settings)
    assert found.duplicates == ()


@pytest.mark.clips
def test_real_clips_have_the_one_near_duplicate_that_they_have(
    real_clips: Path, tmp_path: Path
) -> None:
    """The names of recordings say so: two files of the same fire, uploaded twice."""
    found, _ = audited(real_clips, tmp_path)
    if len(found.clips) != 400:
        pytest.skip("NOT RUN: knows the answer for the 400 clips of ESC-10 alone")
    paths = [tuple(found.clips[p].path for p in (d.one, d.other)) for d in found.duplicates]
    assert paths == [("train_mp3s/200.mp3", "train_mp3s/304.mp3")]


def test_v3_alone_says_that_it_shows_no_near_duplicates(
    made_clips: Path, tmp_path: Path, write_mp3: Callable[..., Path]
) -> None:
    found, _ = audited(made_clips, tmp_path, features="v3")
    assert found.compared_by is None
    assert "were not looked for" in found.warnings[-1]


def test_joined_features_give_each_clip_of_both_sides_its_own(
    made_clips: Path, tmp_path: Path
) -> None:
    dataset = read_data(made_clips)
    sets = feature_sets(dataset, tmp_path, seconds=0.5, n_fft=512, n_mels=16)
    joined = JoinedFeatures.of(dataset, sets)
    assert len(joined) == 52
    labelled, test = sets["labelled"], sets["test"]
    loaded = joined.load([51, 0, 40, 39])
    np.testing.assert_array_equal(loaded[[1, 3]], labelled.load([0, 39]))
    np.testing.assert_array_equal(loaded[[0, 2]], test.load([11, 0]))
    offsets = np.concatenate([offsets for offsets, _ in joined.blocks(range(52))])
    assert offsets.tolist() == list(range(52))
    assert joined.facts()["sha256"][40].decode() == dataset.test.clips[0].sha256
    assert joined.sides[39:41] == ("labelled", "test")


def test_a_folder_without_test_clips_is_audited(own_clips: Path, tmp_path: Path) -> None:
    (own_clips / "train_mp3s" / "7.mp3").write_bytes(b"")
    shutil.rmtree(own_clips / "test_mp3s")
    found, sets = audited(own_clips, tmp_path / "out", seconds=0.5, n_fft=512, n_mels=16)
    assert list(sets) == ["labelled"]
    assert found.reasons == {7: "the file is empty (0 bytes)"}
    assert found.summary().clips.test == 0


def test_an_audit_is_done_again_when_labels_or_clips_change(
    own_clips: Path, tmp_path: Path
) -> None:
    dataset, folder = read_data(own_clips), tmp_path / "audit"
    sets = feature_sets(dataset, tmp_path / "out", seconds=0.5, n_fft=512, n_mels=16)
    summary = audit(folder, dataset, sets)
    assert AuditSummary.load(folder) == summary
    labels = (own_clips / "train_label.txt").read_text().split()
    (own_clips / "train_label.txt").write_text("\n".join(labels[::-1]))
    assert not AuditSummary.current(folder, read_data(own_clips), folders_of(sets))
    assert not AuditSummary.current(folder, dataset, folders_of({"labelled": sets["labelled"]}))
    (folder / "audit.json").write_text('{"inputs": {"format": 1}}')
    assert not AuditSummary.current(folder, dataset, folders_of(sets))
    with pytest.raises(DamagedFileError, match="audit again"):
        AuditSummary.load(folder)
