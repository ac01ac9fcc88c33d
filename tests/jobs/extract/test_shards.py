"""Shards are complete or absent, the same bytes each time, and hold every clip exactly once."""

import csv
import shutil
import subprocess
import sys
from collections.abc import Callable, Generator, Sequence
from pathlib import Path

import numpy as np
import pytest

from jobs.data.layouts import read_data
from jobs.data.manifest import Manifest
from jobs.errors import DamagedFileError, InputError, NotReadyError
from jobs.extract import clip_results
from jobs.extract.answer import Answer
from jobs.extract.config import FeatureConfig
from jobs.extract.decode import decode
from jobs.extract.extractor import extract_shards
from jobs.extract.feature_set import FeatureSet
from jobs.extract.features import compute
from jobs.extract.index import build_index
from jobs.extract.quarantine import (
    Limits,
    list_quarantined,
    require_usable,
    write_quarantine,
)
from jobs.extract.shard import ShardName, read_columns, read_features
from jobs.extract.workers import Workers

CONFIG = FeatureConfig(seconds=0.5, n_fft=512, n_mels=16)
SHARDS = 3


def extract(manifest: Manifest, root: Path, cpus: int = 1) -> list[Path]:
    folder = root / CONFIG.folder_name(manifest)
    names = [ShardName(k, SHARDS) for k in range(SHARDS)]
    for name in names:
        extract_shards(manifest, [CONFIG], name, root, cpus)
    return [folder / str(name) for name in names]


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[Answer]:
    """Grows by what workers decoded; files that they only hashed are not in it."""
    seen: list[Answer] = []

    class Recorded(Workers):
        def answers(self, paths: Sequence[Path]) -> Generator[Answer, None, None]:
            for answer in super().answers(paths):
                if answer.audio is not None:
                    seen.append(answer)
                yield answer

    monkeypatch.setattr(clip_results, "Workers", Recorded)
    return seen


def index(manifest: Manifest, root: Path) -> FeatureSet:
    build_index(manifest, CONFIG, SHARDS, root, 1)
    return FeatureSet.open(root, manifest, CONFIG)


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
    for place in (0, 7, len(manifest) - 1):
        position = shuffled[place]
        expected = compute(decode(manifest.file_of(position), CONFIG)[0], CONFIG)
        np.testing.assert_array_equal(loaded[place], expected)


def test_a_complete_shard_is_not_extracted_again(
    manifest: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    extract(manifest, tmp_path)
    monkeypatch.setattr(clip_results, "Workers", None)  # calling it would fail
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
    place = whole.find(read_features(path)[0].tobytes()[:64])
    assert place > 0
    whole[place + 5] ^= 1
    path.write_bytes(whole)
    index(manifest, tmp_path)
    whole[place + 5] ^= 1
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
        FeatureSet.open(tmp_path, manifest, CONFIG)
    index(manifest, tmp_path).load([0])


def test_rows_reused_from_another_partition_give_the_same_bytes(
    manifest: Manifest, tmp_path: Path, decoded: list[Answer]
) -> None:
    fresh = [path.read_bytes() for path in extract(manifest, tmp_path / "fresh")]
    root = tmp_path / "reused"
    for k in range(5):
        extract_shards(manifest, [CONFIG], ShardName(k, 5), root, 1)
    decoded.clear()
    assert [path.read_bytes() for path in extract(manifest, root)] == fresh
    assert decoded == []


def test_a_disk_that_fills_up_is_an_error_and_not_a_crash(
    manifest: Manifest, tmp_path: Path
) -> None:
    program = (
        "import resource, signal, sys; from pathlib import Path\n"
        "from jobs.data.layouts import read_data\n"
        "from jobs.extract.config import FeatureConfig\n"
        "from jobs.extract.extractor import extract_shards\n"
        "from jobs.extract.shard import ShardName\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))\n"
        "config = FeatureConfig(seconds=0.5, n_fft=512, n_mels=16)\n"
        "try:\n"
        "    data, root = read_data(sys.argv[1]), Path(sys.argv[2])\n"
        "    extract_shards(data, [config], ShardName(0, 1), root, 1)\n"
        "except OSError as error:\n"
        "    print('refused:', error.strerror)\n"
    )
    command = [sys.executable, "-c", program, str(manifest.root), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "refused: File too large\n", "")
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_the_index_extracts_what_is_missing(manifest: Manifest, tmp_path: Path) -> None:
    extract(manifest, tmp_path)[2].unlink()
    assert len(index(manifest, tmp_path).row) == len(manifest)


def test_features_whose_shard_is_gone_are_not_opened(manifest: Manifest, tmp_path: Path) -> None:
    paths = extract(manifest, tmp_path)
    index(manifest, tmp_path)
    paths[0].unlink()
    with pytest.raises(NotReadyError, match=r"shard-00000-of-00003\.h5 is missing"):
        FeatureSet.open(tmp_path, manifest, CONFIG)


def test_a_replaced_mp3_alone_is_decoded_again(
    own_clips: Path, tmp_path: Path, decoded: list[Answer], write_mp3: Callable[..., Path]
) -> None:
    root = tmp_path / "features"
    before = extract(read_data(own_clips), root)
    write_mp3(own_clips / "train_mp3s" / "5.mp3", frequency=999)
    decoded.clear()
    changed = read_data(own_clips)
    after = extract(changed, root)
    assert len(decoded) == 1
    assert before[0].parent != after[0].parent  # never mixed with the old ones
    old, new = read_features(before[0]), read_features(after[0])
    differing = [row for row in range(len(old)) if not np.array_equal(old[row], new[row])]
    assert differing == [5]


def test_bad_clips_take_no_row_and_are_listed_with_the_reason(
    own_clips: Path, tmp_path: Path
) -> None:
    (own_clips / "train_mp3s" / "0.mp3").write_bytes(b"")
    (own_clips / "train_mp3s" / "1.mp3").write_text("not audio\n" * 100)
    (own_clips / "test_mp3s" / "3.mp3").unlink()
    (own_clips / "test_mp3s" / "3.mp3").mkdir()
    manifest = read_data(own_clips)
    paths = extract(manifest, tmp_path)
    features = index(manifest, tmp_path)
    assert len(read_features(paths[0])) == len(read_columns(paths[0]).row) - 2
    assert features.readable(range(3)) == [2]
    bad = list_quarantined(manifest, features)
    write_quarantine(tmp_path / "quarantine.csv", bad)
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
    manifest = read_data(own_clips)
    features = index(manifest, tmp_path)
    with pytest.raises(InputError, match="no clip of class '0' can be decoded"):
        require_usable(manifest, range(len(manifest.labelled)), features, Limits())


def test_a_file_that_cannot_be_read_completes_no_shard(own_clips: Path, tmp_path: Path) -> None:
    manifest = read_data(own_clips)
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
    assert FeatureSet.open(copy, manifest, CONFIG).load([0]).shape == (1, *CONFIG.shape)


def test_v3_is_taken_from_the_shards_of_v2_without_decoding(
    manifest: Manifest, tmp_path: Path, decoded: list[Answer]
) -> None:
    v2, v3 = (FeatureConfig.checked({"features": f, "seconds": 0.5}, "") for f in ("v2", "v3"))
    name = ShardName(0, SHARDS)
    extract_shards(manifest, [v2, v3], name, tmp_path / "together", 1)
    apart = tmp_path / "apart"
    extract_shards(manifest, [v2], name, apart, 1)
    decoded.clear()
    extract_shards(manifest, [v3], name, apart, 1)
    assert decoded == []
    shard = f"{v3.folder_name(manifest)}/{name}"
    assert (apart / shard).read_bytes() == (tmp_path / "together" / shard).read_bytes()
    means = read_features(apart / v2.folder_name(manifest) / str(name)).mean(axis=2)
    np.testing.assert_array_equal(read_features(apart / shard), means)


def test_one_decode_serves_all_feature_sets(
    manifest: Manifest, tmp_path: Path, decoded: list[Answer]
) -> None:
    configs = [FeatureConfig.checked({"features": f, "seconds": 0.5}, "") for f in ("v1", "v2")]
    extract_shards(manifest, configs, ShardName(0, SHARDS), tmp_path, 1)
    assert len(decoded) == len(ShardName(0, SHARDS).positions(len(manifest)))
    alone = tmp_path / "alone"
    for config in configs:
        extract_shards(manifest, [config], ShardName(0, SHARDS), alone, 1)
        shard = f"{config.folder_name(manifest)}/{ShardName(0, SHARDS)}"
        assert (alone / shard).read_bytes() == (tmp_path / shard).read_bytes()


def test_partial_clips_have_features_and_are_known(own_clips: Path, tmp_path: Path) -> None:
    path = own_clips / "train_mp3s" / "4.mp3"
    path.write_bytes(path.read_bytes()[:-1500])
    manifest = read_data(own_clips)
    extract(manifest, tmp_path)
    features = index(manifest, tmp_path)
    assert features.partial == (4,)
    assert features.reasons == {}
    assert len(features.load([4])) == 1


def test_the_audio_of_a_clip_is_kept_when_its_row_is_reused(
    manifest: Manifest, tmp_path: Path
) -> None:
    first = read_columns(extract(manifest, tmp_path)[0])
    for k in range(5):
        extract_shards(manifest, [CONFIG], ShardName(k, 5), tmp_path, 1)
    folder = tmp_path / CONFIG.folder_name(manifest)
    again = read_columns(folder / str(ShardName(0, 5)))
    assert again.audio(0) == first.audio(0)
    assert first.audio(0) is not None


def test_a_known_row_that_is_damaged_is_computed_again(manifest: Manifest, tmp_path: Path) -> None:
    path = extract(manifest, tmp_path)[0]
    whole = bytearray(path.read_bytes())
    whole[whole.find(read_features(path)[0].tobytes()[:64]) + 5] ^= 1
    path.write_bytes(whole)
    fresh = tmp_path / "fresh"
    for root in (tmp_path, fresh):
        extract_shards(manifest, [CONFIG], ShardName(0, 5), root, 1)
    shard = f"{CONFIG.folder_name(manifest)}/{ShardName(0, 5)}"
    assert (tmp_path / shard).read_bytes() == (fresh / shard).read_bytes()
