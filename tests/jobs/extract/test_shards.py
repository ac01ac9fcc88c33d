"""Shards are complete or absent, the same bytes each time, and hold every clip exactly once."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from jobs.data.manifest import Manifest
from jobs.errors import DamagedFileError, NotReadyError
from jobs.extract import extraction
from jobs.extract.audio.decode import decode
from jobs.extract.features.analysis import compute
from jobs.extract.store import feature_store, shard_writer
from jobs.extract.store import shard as shard_file
from jobs.extract.store.feature_store import FeatureStore
from jobs.extract.store.shard import ShardName, read_features
from tests.jobs.extract.extracting import CONFIG, extract, index


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
