"""Shards are complete or absent, the same bytes each time, and hold every clip exactly once."""

import csv
import shutil
import subprocess
import sys
from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from jobs.data.dataset import LABELLED, TEST, Dataset
from jobs.data.layouts import read_data
from jobs.data.manifest import Manifest
from jobs.errors import DamagedFileError, InputError, NotReadyError
from jobs.extract import extraction
from jobs.extract.audio.decode import decode
from jobs.extract.clip_features import ClipFeatures
from jobs.extract.config import FeatureConfig
from jobs.extract.extraction import Extraction
from jobs.extract.features.analysis import ClipAnalysis, compute
from jobs.extract.quarantine import Limits, Quarantine
from jobs.extract.store import feature_store, shard_writer
from jobs.extract.store import shard as shard_file
from jobs.extract.store.feature_set import FeatureSet
from jobs.extract.store.feature_store import FeatureStore
from jobs.extract.store.shard import ShardName, read_columns, read_features
from jobs.extract.workers.pool import WorkerPool
from jobs.extract.workers.request import WorkRequest

CONFIG = FeatureConfig(seconds=0.5, n_fft=512, n_mels=16)
SHARDS = 3


@pytest.fixture
def manifest(dataset: Dataset) -> Manifest:
    return dataset.labelled


def extraction_of(
    manifest: Manifest,
    root: Path,
    configs: Sequence[FeatureConfig] = (CONFIG,),
    shards: int = SHARDS,
) -> Extraction:
    return Extraction(FeatureStore(root), manifest, configs, shards)


def extract(manifest: Manifest, root: Path, cpus: int = 1, shards: int = SHARDS) -> list[Path]:
    of = extraction_of(manifest, root, shards=shards)
    for shard in range(shards):
        of.extract(shard, cpus)
    folder = of.store.folder(manifest, CONFIG)
    return [folder / str(ShardName(k, shards)) for k in range(shards)]


@pytest.fixture
def worked_on(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Grows by the files that workers are asked to open: nobody else opens a recording."""
    seen: list[Path] = []

    class Recorded(WorkerPool):
        def records(self, requests: Sequence[WorkRequest]) -> Generator[ClipFeatures, None, None]:
            seen.extend(request.path for request in requests)
            yield from super().records(requests)

    monkeypatch.setattr(extraction, "WorkerPool", Recorded)
    return seen


def index(manifest: Manifest, root: Path) -> FeatureSet:
    of = extraction_of(manifest, root)
    of.index(1)
    assert of.is_complete()
    return of.store.open(manifest, CONFIG)


@pytest.mark.parametrize(("clips", "count"), [(10, 3), (3, 3), (200_000, 401), (7, 1)])
def test_shards_cover_all_clips_once_and_evenly(clips: int, count: int) -> None:
    ranges = [ShardName(k, count).positions(clips) for k in range(count)]
    assert [p for r in ranges for p in r] == list(range(clips))
    assert max(map(len, ranges)) - min(map(len, ranges)) <= 1


def test_the_bytes_of_a_shard_depend_on_nothing_but_the_clips(
    manifest: Manifest, tmp_path: Path
) -> None:
    first = extract(manifest, tmp_path / "a", cpus=1)
    second = extract(manifest, tmp_path / "b", cpus=2)
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes()


def test_a_feature_set_gives_each_clip_its_own_features(manifest: Manifest, tmp_path: Path) -> None:
    extract(manifest, tmp_path)
    features = index(manifest, tmp_path)
    shuffled = np.random.default_rng(0).permutation(len(manifest)).tolist()
    loaded = features.load(shuffled)
    for offset in (0, 7, len(manifest) - 1):
        position = shuffled[offset]
        expected = compute(decode(manifest.file_of(position), CONFIG)[0], CONFIG)
        np.testing.assert_array_equal(loaded[offset], expected)


def test_a_complete_shard_is_not_extracted_again(
    manifest: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    extract(manifest, tmp_path)
    monkeypatch.setattr(extraction, "WorkerPool", None)  # calling it would fail
    extract(manifest, tmp_path)


@pytest.mark.parametrize("keep", [0, 100, 0.5])
def test_a_truncated_shard_is_extracted_again(
    manifest: Manifest, tmp_path: Path, keep: float
) -> None:
    path = extract(manifest, tmp_path)[1]
    whole = path.read_bytes()
    path.write_bytes(whole[: int(keep * len(whole)) if keep < 1 else int(keep)])
    extract(manifest, tmp_path)
    assert path.read_bytes() == whole


def test_a_flipped_bit_is_noticed_and_healed_by_the_index(
    manifest: Manifest, tmp_path: Path
) -> None:
    path = extract(manifest, tmp_path)[0]
    whole = bytearray(path.read_bytes())
    offset = whole.find(read_features(path)[0].tobytes()[:64])
    assert offset > 0
    whole[offset + 5] ^= 1
    path.write_bytes(whole)
    index(manifest, tmp_path)
    whole[offset + 5] ^= 1
    assert path.read_bytes() == bytes(whole)


def test_a_bit_flipped_after_indexing_is_named_and_healed_by_the_next_index(
    manifest: Manifest, tmp_path: Path
) -> None:
    path = extract(manifest, tmp_path)[0]
    features = index(manifest, tmp_path)
    whole = bytearray(path.read_bytes())
    whole[whole.find(read_features(path)[0].tobytes()[:64]) + 5] ^= 1
    path.write_bytes(whole)
    with pytest.raises(DamagedFileError, match="Launch again: it is extracted again"):
        features.load([0])
    with pytest.raises(NotReadyError):
        FeatureStore(tmp_path).open(manifest, CONFIG)
    index(manifest, tmp_path).load([0])


def test_rows_reused_from_another_partition_give_the_same_bytes(
    manifest: Manifest, tmp_path: Path, worked_on: list[Path]
) -> None:
    fresh = [path.read_bytes() for path in extract(manifest, tmp_path / "fresh")]
    root = tmp_path / "reused"
    extract(manifest, root, shards=5)
    worked_on.clear()
    assert [path.read_bytes() for path in extract(manifest, root)] == fresh
    assert worked_on == []


def test_a_disk_that_fills_up_is_an_error_and_not_a_crash(
    manifest: Manifest, tmp_path: Path
) -> None:
    program = (
        "import resource, signal, sys; from pathlib import Path\n"
        "from jobs.data.layouts import read_data\n"
        "from jobs.extract.config import FeatureConfig\n"
        "from jobs.extract.extraction import Extraction\n"
        "from jobs.extract.store.feature_store import FeatureStore\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))\n"
        "config = FeatureConfig(seconds=0.5, n_fft=512, n_mels=16)\n"
        "try:\n"
        "    clips, store = read_data(sys.argv[1]).labelled, FeatureStore(Path(sys.argv[2]))\n"
        "    Extraction(store, clips, [config], 1).extract(0, 1)\n"
        "except OSError as error:\n"
        "    print('refused:', error.strerror)\n"
    )
    command = [sys.executable, "-c", program, str(manifest.root), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "refused: File too large\n", "")
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_the_index_extracts_what_is_missing(manifest: Manifest, tmp_path: Path) -> None:
    extract(manifest, tmp_path)[2].unlink()
    assert len(index(manifest, tmp_path)) == len(manifest)


def test_features_whose_shard_is_gone_are_not_opened(manifest: Manifest, tmp_path: Path) -> None:
    paths = extract(manifest, tmp_path)
    index(manifest, tmp_path)
    paths[0].unlink()
    with pytest.raises(NotReadyError, match=r"shard-00000-of-00003\.h5 is missing"):
        FeatureStore(tmp_path).open(manifest, CONFIG)


def test_a_replaced_mp3_alone_is_decoded_again(
    own_clips: Path, tmp_path: Path, worked_on: list[Path], write_mp3: Callable[..., Path]
) -> None:
    root = tmp_path / "features"
    before = extract(read_data(own_clips).labelled, root)
    path = write_mp3(own_clips / "train_mp3s" / "5.mp3", frequency=999)
    worked_on.clear()
    after = extract(read_data(own_clips).labelled, root)
    assert worked_on == [path]
    assert before[0].parent != after[0].parent  # never mixed with the old ones
    old, new = read_features(before[0]), read_features(after[0])
    differing = [row for row in range(len(old)) if not np.array_equal(old[row], new[row])]
    assert differing == [5]


def test_touched_copied_and_renamed_files_are_not_extracted_again(
    own_clips: Path, tmp_path: Path, worked_on: list[Path]
) -> None:
    root = tmp_path / "features"
    first = index(read_data(own_clips).labelled, root)
    worked_on.clear()
    for path in (own_clips / "train_mp3s").iterdir():
        path.touch()
    copy = tmp_path / "copy"
    shutil.copytree(own_clips, copy)
    for data in (own_clips, copy):
        again = extraction_of(read_data(data).labelled, root)
        assert again.is_complete()
        assert again.missing() == []
        assert again.store.folder(again.manifest, CONFIG) == first.folder
    assert worked_on == []


def test_a_new_test_clip_is_the_only_one_that_is_decoded(
    own_clips: Path, tmp_path: Path, worked_on: list[Path], write_mp3: Callable[..., Path]
) -> None:
    root = tmp_path / "features"
    for manifest in read_data(own_clips).sides.values():
        index(manifest, root)
    worked_on.clear()
    path = write_mp3(own_clips / "test_mp3s" / "12.mp3", frequency=777)
    dataset = read_data(own_clips)
    assert extraction_of(dataset.labelled, root).is_complete()
    assert extraction_of(dataset.test, root).missing() == [0, 1, 2]
    features = index(dataset.test, root)
    assert worked_on == [path]
    expected = compute(decode(path, CONFIG)[0], CONFIG)
    np.testing.assert_array_equal(features.load([12])[0], expected)


def test_a_recording_that_lies_on_both_sides_is_decoded_once(
    own_clips: Path, tmp_path: Path, worked_on: list[Path]
) -> None:
    shutil.copy(own_clips / "train_mp3s" / "5.mp3", own_clips / "test_mp3s" / "3.mp3")
    dataset, root = read_data(own_clips), tmp_path / "features"
    labelled, test = index(dataset.labelled, root), index(dataset.test, root)
    assert len(worked_on) == 40 + 11
    np.testing.assert_array_equal(labelled.load([5]), test.load([3]))


def test_bytes_that_change_after_the_launch_are_an_error_and_no_features(
    own_clips: Path, tmp_path: Path, write_mp3: Callable[..., Path]
) -> None:
    manifest = read_data(own_clips).labelled
    write_mp3(own_clips / "train_mp3s" / "2.mp3", frequency=999)
    with pytest.raises(InputError, match=r"train_mp3s/2\.mp3 has changed since .* launch again"):
        extract(manifest, tmp_path)
    assert not [path for path in tmp_path.rglob("*.h5") if path.name != "index.h5"]
    assert not list(tmp_path.rglob("*.tmp"))
    extract(read_data(own_clips).labelled, tmp_path)


def test_a_file_that_was_no_file_at_the_launch_and_is_one_now_has_changed(
    own_clips: Path, tmp_path: Path, write_mp3: Callable[..., Path]
) -> None:
    path = own_clips / "train_mp3s" / "2.mp3"
    path.unlink()
    path.mkdir()
    manifest = read_data(own_clips).labelled
    assert manifest.clips[2].sha256 == ""
    path.rmdir()
    write_mp3(path)
    with pytest.raises(InputError, match=r"could not be read; now: SHA-256 .*launch again"):
        extract(manifest, tmp_path)
    path.unlink()
    path.mkdir()
    (tmp_path / "features").mkdir()
    manifest = read_data(own_clips).labelled
    assert index(manifest, tmp_path / "features").reasons == {2: "it is a folder, not a file"}
    path.rmdir()
    write_mp3(path)
    manifest = read_data(own_clips).labelled
    path.unlink()
    path.mkdir()
    with pytest.raises(InputError, match=r"now: it is a folder, not a file\); launch again"):
        extract(manifest, tmp_path / "again")


def test_a_shard_of_other_recordings_is_not_current(manifest: Manifest, tmp_path: Path) -> None:
    paths = extract(manifest, tmp_path)
    one, other = manifest.clips[:2]
    swapped = (replace(one, sha256=other.sha256), replace(other, sha256=one.sha256))
    changed = Manifest(manifest.root, swapped + manifest.clips[2:])
    folder = FeatureStore(tmp_path).folder(changed, CONFIG)
    paths[0].parent.rename(folder)  # under their name lie the shards of the others
    assert extraction_of(changed, tmp_path).missing() == [0]


def test_bad_clips_take_no_row_and_are_listed_with_the_reason(
    own_clips: Path, tmp_path: Path
) -> None:
    (own_clips / "train_mp3s" / "0.mp3").write_bytes(b"")
    (own_clips / "train_mp3s" / "1.mp3").write_text("not audio\n" * 100)
    (own_clips / "test_mp3s" / "3.mp3").unlink()
    (own_clips / "test_mp3s" / "3.mp3").mkdir()
    dataset = read_data(own_clips)
    paths = extract(dataset.labelled, tmp_path)
    labelled, test = index(dataset.labelled, tmp_path), index(dataset.test, tmp_path)
    columns = read_columns(paths[0])
    assert len(read_features(paths[0])) == len(columns.row) - 2
    assert np.isnan(columns.band_levels).all(axis=(1, 2)).tolist() == (columns.row < 0).tolist()
    assert labelled.readable(range(3)) == [2]
    Quarantine.of(dataset, [(LABELLED, labelled), (TEST, test)]).save(tmp_path / "quarantine.csv")
    with (tmp_path / "quarantine.csv").open() as file:
        rows = [(r["subset"], r["id"], r["reason"]) for r in csv.DictReader(file)]
    assert rows == [
        ("labelled", "0", "the file is empty (0 bytes)"),
        ("labelled", "1", "format not recognised: this is not audio"),
        ("test", "3", "it is a folder, not a file"),
    ]


def test_a_class_with_no_readable_clip_stops_the_index(own_clips: Path, tmp_path: Path) -> None:
    labels = (own_clips / "train_label.txt").read_text().split()
    for number, label in enumerate(labels):
        if label == "0":
            (own_clips / "train_mp3s" / f"{number}.mp3").write_bytes(b"")
    dataset = read_data(own_clips)
    features = index(dataset.labelled, tmp_path)
    quarantine = Quarantine.of(dataset, [(LABELLED, features)])
    with pytest.raises(InputError, match="no clip of class '0' can be decoded"):
        quarantine.require_usable(dataset, range(len(dataset.labelled)), Limits())


def test_a_file_that_cannot_be_read_completes_no_shard(own_clips: Path, tmp_path: Path) -> None:
    manifest = read_data(own_clips).labelled
    (own_clips / "train_mp3s" / "2.mp3").unlink()
    (own_clips / "train_mp3s" / "2.mp3").symlink_to("/proc/self/mem")  # reading it: EIO
    with pytest.raises(OSError, match=r"Input/output error: .*train_mp3s/2\.mp3"):
        extract(manifest, tmp_path)
    assert not list(tmp_path.rglob("*.h5"))
    assert not list(tmp_path.rglob("*.tmp"))


def test_reading_works_where_the_file_cannot_be_locked_or_written(
    manifest: Manifest, tmp_path: Path
) -> None:
    root = tmp_path / "features"
    extract(manifest, root)
    index(manifest, root)
    copy = tmp_path / "copy"
    shutil.copytree(root, copy)
    for path in copy.rglob("*.h5"):
        path.chmod(0o400)
    assert FeatureStore(copy).open(manifest, CONFIG).load([0]).shape == (1, *CONFIG.shape)


def test_v3_is_taken_from_the_shards_of_v2_without_decoding(
    manifest: Manifest, tmp_path: Path, worked_on: list[Path]
) -> None:
    v2, v3 = (FeatureConfig.checked({"features": f, "seconds": 0.5}, "") for f in ("v2", "v3"))
    extraction_of(manifest, tmp_path / "together", [v2, v3]).extract(0, 1)
    apart = tmp_path / "apart"
    extraction_of(manifest, apart, [v2]).extract(0, 1)
    worked_on.clear()
    extraction_of(manifest, apart, [v3]).extract(0, 1)
    assert worked_on == []
    averaged, whole = (shard_of(manifest, apart, config) for config in (v3, v2))
    assert averaged.read_bytes() == shard_of(manifest, tmp_path / "together", v3).read_bytes()
    means = read_features(whole).mean(axis=2)
    np.testing.assert_array_equal(read_features(averaged), means)


def shard_of(manifest: Manifest, root: Path, config: FeatureConfig, shards: int = SHARDS) -> Path:
    return FeatureStore(root).folder(manifest, config) / str(ShardName(0, shards))


def test_one_decode_serves_all_feature_sets(
    manifest: Manifest, tmp_path: Path, worked_on: list[Path]
) -> None:
    configs = [FeatureConfig.checked({"features": f, "seconds": 0.5}, "") for f in ("v1", "v2")]
    extraction_of(manifest, tmp_path, configs).extract(0, 1)
    assert len(worked_on) == len(ShardName(0, SHARDS).positions(len(manifest)))
    alone = tmp_path / "alone"
    for config in configs:
        extraction_of(manifest, alone, [config]).extract(0, 1)
        ours, theirs = (shard_of(manifest, root, config) for root in (alone, tmp_path))
        assert ours.read_bytes() == theirs.read_bytes()


def test_only_the_set_that_is_missing_is_computed(
    manifest: Manifest, tmp_path: Path, worked_on: list[Path]
) -> None:
    configs = [FeatureConfig.checked({"features": f, "seconds": 0.5}, "") for f in ("v1", "v2")]
    assert extraction_of(manifest, tmp_path, configs[:1]).extract(0, 1) == configs[:1]
    assert extraction_of(manifest, tmp_path, configs).extract(0, 1) == configs[1:]
    # In another partition the rows of v1 are known, those of v2 are not.
    other = tmp_path / "other"
    for shard in (1, 2):
        extraction_of(manifest, other, configs[:1]).extract(shard, 1)
    worked_on.clear()
    extraction_of(manifest, other, configs, shards=2).extract(1, 1)
    assert len(worked_on) == 20
    fresh = tmp_path / "fresh"
    extraction_of(manifest, fresh, configs, shards=2).extract(1, 1)
    for config in configs:
        name = str(ShardName(1, 2))
        one, two = (FeatureStore(r).folder(manifest, config) / name for r in (other, fresh))
        assert one.read_bytes() == two.read_bytes()


def test_partial_clips_have_features_and_are_known(own_clips: Path, tmp_path: Path) -> None:
    path = own_clips / "train_mp3s" / "4.mp3"
    path.write_bytes(path.read_bytes()[:-1500])
    manifest = read_data(own_clips).labelled
    features = index(manifest, tmp_path)
    assert features.partial == (4,)
    assert features.reasons == {}
    assert len(features.load([4])) == 1


def test_a_shard_holds_the_facts_about_each_recording(manifest: Manifest, tmp_path: Path) -> None:
    features = index(manifest, tmp_path)
    facts, levels = features.facts(), features.band_levels()
    assert facts["position"].tolist() == list(range(len(manifest)))
    assert [digest.decode() for digest in facts["sha256"]] == [c.sha256 for c in manifest.clips]
    assert levels.shape == (40, 2, 64)
    for position in (0, 17, 39):
        samples, expected = decode(manifest.file_of(position), CONFIG)
        row = facts[position]
        assert row["codec"].decode() == expected.codec == "MP3/MPEG_LAYER_III"
        for name in expected.__dataclass_fields__.keys() - {"codec"}:
            assert row[name] == getattr(expected, name), name
        of_clip = ClipAnalysis(samples).band_levels(CONFIG)
        np.testing.assert_array_equal(levels[position], of_clip)


def test_the_facts_of_a_clip_are_kept_when_its_row_is_reused(
    manifest: Manifest, tmp_path: Path
) -> None:
    first = read_columns(extract(manifest, tmp_path)[0])
    again = read_columns(extract(manifest, tmp_path, shards=5)[0])
    assert again.facts(0) == first.facts(0)
    assert first.facts(0) is not None
    np.testing.assert_array_equal(again.band_levels[0], first.band_levels[0])


def test_a_known_row_that_is_damaged_is_computed_again(manifest: Manifest, tmp_path: Path) -> None:
    path = extract(manifest, tmp_path)[0]
    whole = bytearray(path.read_bytes())
    whole[whole.find(read_features(path)[0].tobytes()[:64]) + 5] ^= 1
    path.write_bytes(whole)
    fresh = tmp_path / "fresh"
    for root in (tmp_path, fresh):
        extraction_of(manifest, root, shards=5).extract(0, 1)
    again, expected = (shard_of(manifest, root, CONFIG, 5) for root in (tmp_path, fresh))
    assert again.read_bytes() == expected.read_bytes()


def test_shards_of_another_format_are_not_taken_for_these(
    manifest: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = shard_file.FORMAT - 1
    with monkeypatch.context() as earlier:
        for module in (feature_store, shard_file, shard_writer):
            earlier.setattr(module, "FORMAT", before)
        index(manifest, tmp_path)
        assert FeatureStore(tmp_path).is_complete(manifest, CONFIG)
    assert not FeatureStore(tmp_path).is_complete(manifest, CONFIG)
    assert len(index(manifest, tmp_path).facts()) == len(manifest)
